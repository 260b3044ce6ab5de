import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ARCHITECTURE_NAME } from "../../src/image/architecture.ts";
import { formatImageJson, type ImageJson } from "../../src/image/image-json.ts";

/** The sha256 of a text or of bytes, in hexadecimal digits. */
export const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

export type TestImage = Readonly<Record<"vmlinuz" | "initrd" | "root.squashfs", string>>;

/** Writes the directory of an image whose files have these contents; returns its digest, as channels name it. */
export function writeImage(directory: string, files: TestImage, more: Partial<ImageJson> = {}): string {
  const json: ImageJson = {
    ...{ format: 1, version: "0.31.0", architecture: ARCHITECTURE_NAME, time: 0 },
    kernel: { release: "6.12", arguments: [] },
    kubernetes: { source: "upstream", version: "v1.37.2" },
    ...{ lock: "", packages: [] },
    ...more,
    files: Object.fromEntries(
      Object.entries(files).map(([name, text]) => [name, { sha256: sha256(text), size: Buffer.byteLength(text) }]),
    ),
  };
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, "image.json"), formatImageJson(json));
  return `sha256:${sha256(formatImageJson(json))}`;
}
