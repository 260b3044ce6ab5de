import { copyFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { BIOS_BOOT, ESP } from "../image/disk.ts";
import { BOOT } from "../image/grub.ts";
import { megabytes } from "./extract.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { Workshop } from "./workshop.ts";

/** What GRUB needs under BIOS to read the ESP, to ask the state partition for its UUID, and to start Linux. */
const modules = [
  ...["biosdisk", "part_gpt", "fat", "ext2", "search", "search_label", "probe", "regexp", "loadenv"],
  ...["normal", "configfile", "test", "true", "echo", "ls", "cat", "sleep", "reboot", "halt"],
  ...["linux16", "linux", "gzio", "serial", "terminal", "all_video"],
];

/**
 * The files that make a disk bootable (`LOADER_FILES`): Debian's own signed shim and GRUB for UEFI, so that the chain
 * of trust ends at the key that every machine's firmware has, and a GRUB for BIOS that reads the menu on the disk it
 * was started from. Returns their directory.
 */
export function bootLoader({ runner, architecture }: Workshop, tools: Tools): Promise<string> {
  return runner.run({
    name: "loader",
    title: "Boot loader",
    maker: "loader",
    parts: { architecture, tools },
    make: makeLoader,
  });
}

interface LoaderParts {
  readonly architecture: ArchitectureName;
  readonly tools: Tools;
}

async function makeLoader(work: Work, { architecture, tools }: LoaderParts): Promise<string> {
  const { bios, efi } = ARCHITECTURES[architecture];
  const copies = {
    "boot.img": `usr/lib/grub/${bios.grub}/boot.img`,
    [efi.shimFile]: `usr/lib/shim/${efi.shimFile}.signed`,
    [efi.grubFile]: `usr/lib/grub/${efi.grub}-signed/${efi.grubFile}.signed`,
  };
  for (const [name, path] of Object.entries(copies)) copyFileSync(tools.path(path), join(work.out, name));
  await makeGrub(work, tools, {
    format: bios.grub,
    platform: bios.grub,
    prefix: `(,gpt${ESP.number})${BOOT}`,
    modules,
    file: join(work.out, "core.img"),
  });
  const size = statSync(join(work.out, "core.img")).size;
  // An upgrade writes the next one beside it (`renewedBiosLoader`).
  if (size > (BIOS_BOOT.sizeMiB ?? 0) << 19) throw new Error(`core.img has ${size} bytes: too many for its partition`);
  return megabytes(size);
}

export interface Grub {
  readonly format: string;
  readonly platform: string;
  /** Where GRUB looks for its menu. */
  readonly prefix: string;
  readonly modules: readonly string[];
  /** Commands to be run first. */
  readonly config?: string;
  readonly file: string;
}

/** A GRUB of our own making; equal input gives equal bytes. */
export async function makeGrub(work: Work, tools: Tools, grub: Grub): Promise<void> {
  const options = ["--format", grub.format, "--directory", tools.path(`usr/lib/grub/${grub.platform}`)];
  if (grub.config !== undefined) {
    const config = join(work.scratch, `${grub.format}.cfg`);
    writeFileSync(config, grub.config);
    options.push("--config", config);
  }
  const { argv, env } = tools.command([
    ...["grub-mkimage", ...options, "--prefix", grub.prefix, "--output", grub.file],
    ...grub.modules,
  ]);
  await work.command(argv, { env });
}
