import type { Lock, LockedPackage } from "../image/lock.ts";
import type { Identified } from "./identity.ts";
import type { Step } from "./steps.ts";
import type { Workshop } from "./workshop.ts";

/** The packages of one set as files. Where a mirror keeps them is no part of their identity. */
export interface PackageFiles extends Identified {
  readonly locked: readonly LockedPackage[];
  /** Holds them as `<sha256>.deb` once they are fetched. */
  readonly debs: string;
}

/** A step whose result is made of the locked packages of one set. Only when it runs are they fetched. */
export function packageStep<Parts extends object>(
  { runner, packages }: Pick<Workshop, "runner" | "packages">,
  lock: Lock,
  set: string,
  step: Omit<Step<Parts & { readonly packages: PackageFiles }>, "name" | "parts"> & { readonly parts: Parts },
): Promise<string> {
  const locked = lock.packages[set] ?? [];
  const files: PackageFiles = { identity: locked.map(({ sha256 }) => sha256), locked, debs: packages.debs };
  return runner.run({
    ...step,
    name: `${set}-packages`,
    parts: { ...step.parts, packages: files },
    async make(work, parts) {
      await packages.fetch(locked, work.log, (bytes) => work.update(`fetching, ${bytes}`));
      return step.make(work, parts);
    },
  });
}
