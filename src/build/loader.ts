import { copyFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { BIOS_BOOT, BIOS_FILES, ESP } from "../image/disk.ts";
import { BOOT } from "../image/grub.ts";
import { megabytes, treeSize } from "./extract.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { System, Workshop } from "./workshop.ts";

/** What GRUB needs under BIOS to read the ESP, to ask the state partition for its UUID, and to start Linux. */
const modules = [
  ...["biosdisk", "part_gpt", "fat", "ext2", "search", "search_label", "probe", "regexp", "loadenv"],
  ...["normal", "configfile", "test", "true", "echo", "ls", "cat", "sleep", "reboot", "halt"],
  ...["linux16", "linux", "gzio", "serial", "terminal", "all_video"],
];

/**
 * The files that make a disk bootable (`loaderFiles`): Debian's own signed shim and GRUB for UEFI, so that the chain
 * of trust ends at the key that every machine's firmware has, and, where there is BIOS, a GRUB that reads the menu on
 * the disk it was started from. Returns their directory.
 */
export function bootLoader(
  { runner, architecture }: Workshop,
  { tools, target }: Pick<System, "tools" | "target">,
): Promise<string> {
  return runner.run({
    name: "loader",
    title: "Boot loader",
    maker: "loader",
    parts: { architecture, tools, target },
    make: makeLoader,
  });
}

interface LoaderParts {
  readonly architecture: ArchitectureName;
  readonly tools: Tools;
  readonly target: string;
}

async function makeLoader(work: Work, { architecture, tools, target }: LoaderParts): Promise<string> {
  const { bios, efi } = ARCHITECTURES[architecture];
  const copies = {
    [efi.shimFile]: `usr/lib/shim/${efi.shimFile}.signed`,
    [efi.grubFile]: `usr/lib/grub/${efi.grub}-signed/${efi.grubFile}.signed`,
  };
  for (const [name, path] of Object.entries(copies)) copyFileSync(join(target, path), join(work.out, name));
  if (bios !== undefined) await makeBiosLoader(work, { tools, platform: biosPlatform(target, bios.grub) });
  return megabytes(treeSize(work.out));
}

/** GRUB's directory of that platform in a tree of packages. */
export function biosPlatform(target: string, grub: string): GrubPlatform {
  return { name: grub, directory: join(target, "usr/lib/grub", grub) };
}

async function makeBiosLoader(work: Work, { tools, platform }: Pick<Grub, "tools" | "platform">): Promise<void> {
  const file = join(work.out, BIOS_FILES.coreImg);
  copyFileSync(join(platform.directory, "boot.img"), join(work.out, BIOS_FILES.bootImg));
  const prefix = `(,gpt${ESP.number})${BOOT}`;
  await makeGrub(work, { tools, platform, format: platform.name, prefix, modules, file });
  const { size } = statSync(file);
  // An upgrade writes the next one beside it (`renewedBiosLoader`).
  if (size > (BIOS_BOOT.sizeMiB ?? 0) << 19) throw new Error(`core.img has ${size} bytes: too many for its partition`);
}

export interface GrubPlatform {
  readonly name: string;
  /** Where its modules are. */
  readonly directory: string;
}

export interface Grub {
  readonly tools: Tools;
  readonly platform: GrubPlatform;
  readonly format: string;
  /** Where GRUB looks for its menu. */
  readonly prefix: string;
  readonly modules: readonly string[];
  /** Commands to be run first. */
  readonly config?: string;
  readonly file: string;
}

/** A GRUB of our own making; equal input gives equal bytes. */
export async function makeGrub(work: Work, grub: Grub): Promise<void> {
  const options = ["--format", grub.format, "--directory", grub.platform.directory];
  if (grub.config !== undefined) {
    const config = join(work.scratch, `${grub.format}.cfg`);
    writeFileSync(config, grub.config);
    options.push("--config", config);
  }
  const { argv, env } = grub.tools.command([
    ...["grub-mkimage", ...options, "--prefix", grub.prefix, "--output", grub.file],
    ...grub.modules,
  ]);
  await work.command(argv, { env });
}
