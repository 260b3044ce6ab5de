import { linkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGE_FILES } from "../../image/disk.ts";
import { ipxeScript } from "../../image/ipxe.ts";
import { megabytes } from "../extract.ts";
import { type InitrdParts, makeInitrd } from "../initrd.ts";
import type { BuiltImage } from "../recipe.ts";
import type { Work } from "../steps.ts";

/** Its name differs from the image's own: that one, too, is fetched by an installer. */
const INITRD = "initrd-netboot";

/**
 * What a boot server hands out: the image, a script for iPXE, and an initrd that fetches the root over HTTP. It knows the root's sum, and takes no
 * other one (src/node/initrd/fetch-root.ts).
 */
export async function makeNetboot(work: Work, { dir, imageJson }: BuiltImage, parts: InitrdParts): Promise<string> {
  for (const name of IMAGE_FILES) linkSync(join(dir, name), join(work.out, name));
  const root = JSON.stringify(imageJson.files?.["root.squashfs"]);
  await makeInitrd(work, { ...parts, files: { "root.json": root } }, INITRD);
  writeFileSync(join(work.out, "boot.ipxe"), ipxeScript(INITRD, imageJson.kernel.arguments));
  return `${INITRD} ${megabytes(statSync(join(work.out, INITRD)).size)}`;
}
