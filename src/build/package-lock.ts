import { K3osError } from "../errors.ts";
import { ARCHITECTURES } from "../image/architecture.ts";
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
  kernelPackage: kernel,
}: Workshop): Promise<Lock> {
  const { tools } = ARCHITECTURES[architecture];
  if (givenLock) return givenLock;
  return packages.resolve({
    root: { packages: [...base.packages, ...spec.packages], exclude: base.exclude },
    kernel: { packages: kernel === undefined ? [] : [kernel], exclude: base.kernel.exclude },
    // In alphabetical order: another one would be another question.
    tools: { packages: [...base.tools.packages, ...tools].sort(), exclude: base.tools.exclude },
  });
}
