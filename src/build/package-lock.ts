import type { Lock } from "../image/lock.ts";
import type { Workshop } from "./workshop.ts";

/** The packages of each set with their versions: those of the given lock, else the newest. */
export async function lockPackages({ givenLock, packages, base, spec, kernelPackage }: Workshop): Promise<Lock> {
  if (givenLock) return givenLock;
  return packages.resolve({
    root: { packages: [...base.packages, ...spec.packages], exclude: base.exclude },
    kernel: { packages: [kernelPackage], exclude: base.kernel.exclude },
    tools: { packages: base.tools.packages, exclude: base.tools.exclude },
  });
}
