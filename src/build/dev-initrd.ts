import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpio } from "../formats/cpio.ts";
import { DEV_FILES } from "../image/dev.ts";
import { megabytes } from "./extract.ts";
import { type SourceFiles, sourceFiles } from "./identity.ts";
import { entriesOf } from "./initrd.ts";
import type { Work } from "./steps.ts";
import { overlayTree, placeText } from "./tree.ts";
import type { System, Workshop } from "./workshop.ts";

interface DevParts {
  /** The path of the image's initrd. */
  readonly initrd: string;
  /** The files of /usr/lib/k3os, by name. */
  readonly program: ReadonlyMap<string, Uint8Array>;
  readonly overlay: SourceFiles;
  readonly time: number;
}

/**
 * An initrd that carries what `emptyRoot` lacks, in an archive in front of the image's own: the kernel unpacks both. It
 * is made in a moment, where packing a root takes many seconds. Returns its path.
 */
export async function devInitrd(shop: Workshop, { programs, lock }: System, initrd: string): Promise<string> {
  const directory = await shop.runner.run({
    name: "dev-initrd",
    title: "Files of the working tree",
    maker: "devInitrd",
    parts: {
      ...{ initrd, program: programs.k3os, time: lock.time },
      overlay: await sourceFiles(join(shop.project, "os/rootfs")),
    },
    make: makeDevInitrd,
  });
  return join(directory, "initrd");
}

async function makeDevInitrd(work: Work, { initrd, program, overlay, time }: DevParts): Promise<string> {
  const tree = join(work.scratch, "tree");
  const files = join(tree, DEV_FILES);
  mkdirSync(files, { recursive: true });
  for (const [name, text] of program) placeText(text, join(files, "usr/lib/k3os", name));
  overlayTree(overlay.path, files);
  const archive = cpio(entriesOf(tree), time);
  writeFileSync(join(work.out, "initrd"), Buffer.concat([archive, readFileSync(initrd)]));
  return megabytes(archive.length);
}
