import { ARCHITECTURES } from "../image/architecture.ts";
import type { Lock } from "../image/lock.ts";
import type { Workshop } from "./workshop.ts";

/** The packages of each set with their versions: those of the given lock, else the newest. */
export async function lockPackages({
  givenLock,
  packages,
  base,
  spec,
  architecture,
  flavour,
  flavours,
}: Workshop): Promise<Lock> {
  const { tools } = ARCHITECTURES[architecture];
  if (givenLock) return givenLock;
  const loaded = [...flavour.firmware.packages, ...flavour.microcode].sort();
  const lock = await packages.resolve({
    root: { packages: [...base.packages, ...flavour.packages, ...spec.packages], exclude: base.exclude },
    kernel: { packages: [flavour.kernel], exclude: base.kernel.exclude },
    ...(loaded.length > 0 && { firmware: { packages: loaded, exclude: flavours.exclude } }),
    // In alphabetical order: another one would be another question.
    tools: { packages: [...base.tools.packages, ...tools].sort(), exclude: base.tools.exclude },
  });
  return { ...lock, flavour: flavour.name };
}
