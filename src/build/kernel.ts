import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import type { Lock } from "../image/lock.ts";
import { dropPaths, extractPackages, megabytes, treeSize } from "./extract.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { Workshop } from "./workshop.ts";

/** What the kernel step leaves: `vmlinuz`, and below `usr/lib/modules/<release>` its modules. */
export interface Kernel {
  readonly directory: string;
  readonly release: string;
}

function kernelIn(directory: string): Kernel {
  const [release = ""] = readdirSync(join(directory, "usr/lib/modules"));
  return { directory, release };
}

interface KernelParts {
  readonly packages: PackageFiles;
  /** What is left out of the modules, and what of that stays; both below `kernel/`. */
  readonly drop: readonly string[];
  readonly keep: readonly string[];
  readonly tools: Tools;
}

export async function kernelTree(shop: Workshop, lock: Lock, tools: Tools): Promise<Kernel> {
  const { base, flavour, spec } = shop;
  const drop = [...base.kernel.drop, ...flavour.drop];
  const parts = { drop, keep: [...flavour.keep, ...spec.kernel.keep], tools };
  return kernelIn(
    await packageStep(shop, lock, "kernel", { title: "Kernel", maker: "kernel", parts, make: makeKernel }),
  );
}

/** Programs that replace compressed modules: Debian compresses with xz, Ubuntu with zstd. */
const DECOMPRESSORS = [
  ["xz", "xz", "--decompress", "--threads=1"],
  ["zst", "zstd", "--decompress", "--rm", "--quiet"],
] as const;

/** Modules are kept uncompressed, as the root compresses them better; their signatures stay attached. */
async function makeKernel(work: Work, { packages, drop, keep, tools }: KernelParts): Promise<string> {
  // Ubuntu has the modules in packages of their own.
  const images = packages.locked.filter(({ name }) => /^linux-(image|modules)-/.test(name));
  await extractPackages(work, images, packages.debs, []);
  const { release } = kernelIn(work.out);
  if (!release)
    throw new K3osError("config", "The kernel package holds no modules.", { hint: "Check `kernel` of the flavour." });
  renameSync(join(work.out, `boot/vmlinuz-${release}`), join(work.out, "vmlinuz"));
  for (const rest of ["boot", "usr/share"]) rmSync(join(work.out, rest), { recursive: true, force: true });

  const modules = join(work.out, "usr/lib/modules", release);
  dropPaths(join(modules, "kernel"), drop, { prefix: "", keep });
  mkdirSync(join(modules, "kernel"), { recursive: true });
  work.update("unpacking modules");
  const files = readdirSync(modules, { recursive: true, encoding: "utf8" }).map((name) => join(modules, name));
  for (const [extension, ...decompress] of DECOMPRESSORS) {
    const compressed = files.filter((name) => name.endsWith(`.ko.${extension}`));
    const command = tools.command([...decompress, ...compressed]);
    if (compressed.length > 0) await work.command(command.argv, { env: command.env });
  }
  const depmod = tools.command(["depmod", "--basedir", work.out, release]);
  await work.command(depmod.argv, { env: depmod.env });
  return `${release}, ${megabytes(treeSize(modules))} of modules`;
}
