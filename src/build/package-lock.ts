import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { type KernelName, kernelPackage } from "../image/kernels.ts";
import type { Lock } from "../image/lock.ts";
import type { Workshop } from "./workshop.ts";

/**
 * The Debian package of the kernel: the one that was asked for, else that of the lock (`undefined`), else the usual
 * one. A lock that does not hold what was asked for is an error.
 */
export function chooseKernel(
  packages: Readonly<Record<KernelName, string>>,
  asked: string | undefined,
  usual: KernelName,
  lock: Lock | undefined,
): string | undefined {
  if (lock === undefined) return kernelPackage(asked ?? usual, packages);
  if (asked === undefined) return undefined;
  const wanted = kernelPackage(asked, packages);
  if (lock.packages.kernel?.some(({ name }) => name === wanted)) return wanted;
  throw new K3osError("config", `The lock does not hold the kernel ${wanted}: it was made with another one.`, {
    hint: "Build without naming a kernel, or with the lock of an image that has this one.",
  });
}

/** The packages of each set with their versions: those of the given lock, else the newest. */
export async function lockPackages({
  givenLock,
  packages,
  base,
  spec,
  architecture,
  host,
  kernelPackage: kernel,
}: Workshop): Promise<Lock> {
  const { tools, target } = ARCHITECTURES[architecture];
  if (givenLock) return checkLock(givenLock, architecture);
  // In alphabetical order: another one would be another question.
  const sorted = (...names: readonly string[]) => [...names].sort();
  return packages.resolve({
    root: { architecture, packages: [...base.packages, ...spec.packages], exclude: base.exclude },
    kernel: { architecture, packages: kernel === undefined ? [] : [kernel], exclude: base.kernel.exclude },
    target: { architecture, packages: sorted(...base.target.packages, ...target), exclude: base.target.exclude },
    tools: { architecture: host, packages: sorted(...base.tools.packages, ...tools), exclude: base.tools.exclude },
  });
}

/** A lock is for one architecture, and has the boot loader's packages since these are a set of their own. */
export function checkLock(lock: Lock, wanted: ArchitectureName): Lock {
  const { root = [], target } = lock.packages;
  const other = root.find(
    ({ architecture }) => architecture !== "all" && architecture !== ARCHITECTURES[wanted].debian,
  );
  if (other !== undefined) {
    throw new K3osError("config", `The lock is for ${other.architecture}, and the image for ${wanted}.`, {
      hint: `Build with --arch ${other.architecture}, or with a lock that is for ${wanted}.`,
    });
  }
  if (target !== undefined) return lock;
  throw new K3osError("config", "The lock has no packages of the boot loader: an older k3os made it.", {
    hint: "Build with the checkout that made it, or without --lock.",
  });
}
