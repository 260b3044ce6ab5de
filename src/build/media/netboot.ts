import { linkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGE_FILES } from "../../image/disk.ts";
import { ipxeScript } from "../../image/ipxe.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../image.ts";
import { diskModules, type InitrdParts, initrdParts, makeInitrd } from "../initrd.ts";
import type { Work } from "../steps.ts";
import type { MadeImage, Workshop } from "../workshop.ts";

/** Its name differs from the image's own: that one, too, is fetched by an installer. */
const INITRD = "initrd-netboot";

/**
 * What a boot server hands out: the image, a script for iPXE, and an initrd that fetches the root over HTTP. It knows
 * the root's sum, and takes no other root (src/node/initrd/fetch-root.ts).
 */
export async function netbootSet(shop: Workshop, { image, system }: MadeImage): Promise<string> {
  const initrd = await initrdParts(shop, system, {
    program: system.programs.netboot,
    modules: [...diskModules(shop), ...shop.base.initrd.netboot],
    overlays: ["os/initrd", "os/netboot"],
  });
  const step = { name: "netboot", title: "Netboot set", maker: "netboot" } as const;
  return shop.runner.run({ ...step, parts: { image, initrd }, make: makeNetboot });
}

interface NetbootParts {
  readonly image: BuiltImage;
  readonly initrd: InitrdParts;
}

async function makeNetboot(work: Work, { image, initrd }: NetbootParts): Promise<string> {
  const { dir, imageJson } = image;
  for (const name of IMAGE_FILES) linkSync(join(dir, name), join(work.out, name));
  const root = JSON.stringify(imageJson.files?.["root.squashfs"]);
  await makeInitrd(work, { ...initrd, files: { "root.json": root } }, INITRD);
  writeFileSync(join(work.out, "boot.ipxe"), ipxeScript(imageJson.architecture, INITRD, imageJson.kernel));
  return `${INITRD} ${megabytes(statSync(join(work.out, INITRD)).size)}`;
}
