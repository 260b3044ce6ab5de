import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { type BootFirmwareName, bootFirmware } from "../image/boot-firmware.ts";
import type { Lock } from "../image/lock.ts";
import type { PackageSet } from "./apt.ts";
import type { Workshop } from "./workshop.ts";

type Asked = Pick<Workshop, "givenLock" | "base" | "spec" | "architecture" | "host" | "flavour" | "flavours"> & {
  readonly packages: Pick<Workshop["packages"], "resolve">;
};

/** The packages of each set with their versions: those of the given lock, else the newest. */
export async function lockPackages({
  givenLock,
  packages,
  base,
  spec,
  architecture,
  host,
  flavour,
  flavours,
}: Asked): Promise<Lock> {
  if (givenLock) return givenLock;
  const { tools, target, hasMicrocode } = ARCHITECTURES[architecture];
  // In alphabetical order: another one would be another question.
  const sorted = (...names: readonly string[]) => [...names].sort();
  const loaded = sorted(...flavour.firmware.packages, ...(hasMicrocode ? flavour.microcode : []));
  const all = [...base.packages, ...flavour.packages, ...spec.packages];
  const lock = await packages.resolve({
    root: { architecture, packages: all, exclude: base.exclude },
    kernel: { architecture, packages: [flavour.kernel], exclude: base.kernel.exclude },
    ...(loaded.length > 0 && { firmware: { architecture, packages: loaded, exclude: flavours.exclude } }),
    ...(flavour.boot !== undefined && { boot: bootPackages(architecture, flavour.boot) }),
    target: { architecture, packages: sorted(...base.target.packages, ...target), exclude: base.target.exclude },
    tools: { architecture: host, packages: sorted(...base.tools.packages, ...tools), exclude: base.tools.exclude },
  });
  return { ...lock, flavour: flavour.name };
}

function bootPackages(architecture: ArchitectureName, name: BootFirmwareName): PackageSet {
  const { packages, exclude } = bootFirmware(name);
  return { architecture, packages, exclude };
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
