import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { K3osError } from "../errors.ts";
import { type BootFirmware, bootFirmware } from "../image/boot-firmware.ts";
import { matcher } from "../image/glob.ts";
import type { Lock } from "../image/lock.ts";
import { extractPackages, megabytes, treeSize } from "./extract.ts";
import type { Kernel } from "./kernel.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import { placeFile, placeText } from "./tree.ts";
import type { Workshop } from "./workshop.ts";

/** What firmware that is read from the disk has to find there. */
export interface BootFirmwareFiles {
  /** Everything in it goes to the top of the ESP. */
  readonly directory: string;
  /** Whether the ESP has to be in a table of partitions as DOS had it, too. */
  readonly inMbr: boolean;
}

interface BootParts extends Pick<BootFirmware, "files" | "texts"> {
  readonly packages: PackageFiles;
  readonly kernel: Kernel;
}

/** The files for the flavour's boot firmware; nothing where that is UEFI or BIOS by itself. */
export async function bootFirmwareFiles(
  shop: Workshop,
  lock: Lock,
  kernel: Kernel,
): Promise<BootFirmwareFiles | undefined> {
  if (shop.flavour.boot === undefined) return undefined;
  const { files, texts, inMbr } = bootFirmware(shop.flavour.boot);
  const parts = { files, texts, kernel };
  const step = { title: "Boot firmware", maker: "bootFirmware", parts, make: makeFiles } as const;
  return { directory: await packageStep(shop, lock, "boot", step), inMbr };
}

async function makeFiles(work: Work, { packages, kernel, files, texts }: BootParts): Promise<string> {
  const unpacked = { ...work, out: join(work.scratch, "packages") };
  await extractPackages(unpacked, packages.locked, packages.debs, []);
  const trees = { packages: unpacked.out, kernel: kernel.directory };
  for (const { from, path } of files) {
    for (const found of pathsOf(trees[from], path))
      placeFile(join(trees[from], found), join(work.out, basename(found)));
  }
  for (const [name, text] of Object.entries(texts)) placeText(text, join(work.out, name));
  return megabytes(treeSize(work.out));
}

function pathsOf(tree: string, pattern: string): string[] {
  const found = readdirSync(tree, { recursive: true, encoding: "utf8" }).filter(matcher([pattern]));
  if (found.length > 0) return found;
  throw new K3osError("build", `No package has ${pattern}, which the boot firmware reads.`, {
    hint: "Name what there is instead in src/image/boot-firmware.ts.",
  });
}
