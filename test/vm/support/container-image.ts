import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuiltImage } from "../../../src/build/index.ts";
import { type ContainerImage, imageArchive } from "../../../src/formats/oci.ts";
import { ARCHITECTURES } from "../../../src/image/architecture.ts";

/** The reference of the image that `writeTestImage` makes. */
export const testImage = "example.org/toolbox:1";

const applets = ["sh", "httpd", "nslookup", "sleep", "wget", "echo", "cat", "mkdir", "head", "wc"];

export const hashing = { sha256: (data: Uint8Array) => createHash("sha256").update(data).digest("hex") };

/** For nodes of an image: a static busybox, with a few of its names. */
export function toolbox({ target, imageJson }: BuiltImage, reference: string): ContainerImage {
  return {
    reference,
    architecture: ARCHITECTURES[imageJson.architecture].go,
    entrypoint: ["/bin/sh"],
    files: [
      { path: "bin", type: "directory" },
      { path: "bin/busybox", data: readFileSync(join(target, "usr/bin/busybox")), mode: 0o755 },
      ...applets.map((name) => ({ path: `bin/${name}`, type: "link" as const, target: "busybox" })),
      { path: "tmp", type: "directory", mode: 0o1777 },
      { path: "etc", type: "directory" },
    ],
  };
}

/** Writes the test image as `docker save` does. */
export function writeTestImage(image: BuiltImage, path: string): void {
  writeFileSync(path, imageArchive(toolbox(image, testImage), hashing));
}
