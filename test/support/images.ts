import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fileLayer } from "../../src/build/media/container.ts";
import { type Upgrader, upgraderArchive } from "../../src/build/upgrader.ts";
import { formatContainer } from "../../src/image/container.ts";
import { formatImageJson, type ImageJson } from "../../src/image/image-json.ts";
import { LAYER_TYPE } from "../../src/image/oci.ts";
import type { OciRegistry } from "./oci-registry.ts";

/** The sha256 of a text or of bytes, in hexadecimal digits. */
export const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

export type TestImage = Readonly<Record<"vmlinuz" | "initrd" | "root.squashfs", string>>;

/** Writes the directory of an image whose files have these contents; returns its digest, as channels name it. */
export function writeImage(directory: string, files: TestImage, more: Partial<ImageJson> = {}): string {
  const json: ImageJson = {
    ...{ format: 1, version: "0.31.0", architecture: "amd64", time: 0 },
    flavour: "cloud",
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

/** A layer with the command of a container image that runs nowhere, written into `directory`. */
export function testUpgrader(directory: string): Upgrader {
  const archive = upgraderArchive({ busybox: Buffer.from("busybox"), script: Buffer.from("script") });
  const path = join(directory, "upgrader.tar");
  writeFileSync(path, archive);
  const digest = `sha256:${sha256(archive)}`;
  return { path, layer: { mediaType: LAYER_TYPE, digest, diffId: digest, size: archive.length } };
}

/** Pushes the image in a directory into a registry in memory as a container image; returns its manifest. */
export async function putContainer(
  registry: OciRegistry,
  place: string,
  directory: string,
  pack: (data: Buffer) => { readonly data: Buffer; readonly type: string } = (data) => ({ data, type: LAYER_TYPE }),
): Promise<string> {
  const names = readdirSync(directory).filter((name) =>
    /^(vmlinuz|initrd|root\.squashfs|image\.json(\.sig)?)$/.test(name),
  );
  const layers = [];
  for (const name of names) {
    const layer = await fileLayer({ name, content: join(directory, name) });
    const { data, type } = pack(await buffer(Readable.from(layer.open())));
    const digest = `sha256:${sha256(data)}`;
    registry.blobs.set(digest, data);
    layers.push({ ...layer, mediaType: type, digest, size: data.length });
  }
  const manifest = formatContainer({ digest: `sha256:${sha256("{}")}`, size: 2 }, layers);
  for (const tag of [place, place.replace(/:.*/, `:sha256:${sha256(manifest)}`)]) registry.manifests.set(tag, manifest);
  return manifest;
}
