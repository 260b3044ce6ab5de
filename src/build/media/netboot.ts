import { linkSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat } from "../../formats/bytes.ts";
import { cpio } from "../../formats/cpio.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../recipe.ts";
import type { Work } from "../steps.ts";

/** What a PXE server hands out: the kernel, an initrd that holds the root too, and a script for iPXE. */
export async function makeNetboot(work: Work, { dir, imageJson }: BuiltImage): Promise<string> {
  linkSync(join(dir, "vmlinuz"), join(work.out, "vmlinuz"));
  const root = cpio(
    [{ path: "root.squashfs", data: new Uint8Array(readFileSync(join(dir, "root.squashfs"))) }],
    imageJson.time,
  );
  // Linux unpacks one archive after the other; only the last may be compressed.
  const initrd = concat([root, new Uint8Array(readFileSync(join(dir, "initrd")))]);
  writeFileSync(join(work.out, "initrd"), initrd);
  const args = ["initrd=initrd", "console=tty0", "console=ttyS0,115200", "quiet", ...imageJson.kernel.arguments];
  writeFileSync(join(work.out, "boot.ipxe"), `#!ipxe\nkernel vmlinuz ${args.join(" ")}\ninitrd initrd\nboot\n`);
  return megabytes(initrd.length);
}
