/** Debian's kernels: `cloud` knows the devices of virtual machines, `metal` those of real ones, too. */
export const KERNELS = ["cloud", "metal"] as const;
export type KernelName = (typeof KERNELS)[number];

/** The Debian package of a kernel that is called by its name or, if it is another one, by its package. */
export function kernelPackage(called: string, packages: Readonly<Record<KernelName, string>>): string {
  return KERNELS.some((name) => name === called) ? packages[called as KernelName] : called;
}
