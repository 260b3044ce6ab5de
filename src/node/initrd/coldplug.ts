import { readTextIf } from "../../host/files.ts";
import { type Host, HostError } from "../../host/host.ts";
import { throwAll } from "../failure.ts";

/** Paravirtual devices: what a virtual machine boots from and talks through, found without probing. */
export const FAST_BUSES = ["virtio", "vmbus", "xen"];
/** Of these, the ones that can have no volume on them: virtio's cards, sources of randomness … (its block devices are 2, SCSI hosts 8). */
const NO_STORAGE = /^virtio:d(?!0000000[28])/;
const BUSES = [...FAST_BUSES, "pci", "scsi", "usb", "acpi", "platform", "mmc", "hid", "serio"];

export interface Coldplug {
  /** What was asked for already: it is not asked for again. */
  readonly known?: ReadonlySet<string>;
  /** Modules to load at the same time. */
  readonly modules?: readonly string[];
  /** All if not given. */
  readonly buses?: readonly string[];
  /** Leave out what is known to hold no volume. */
  readonly storageOnly?: boolean;
}

/**
 * Loads the modules of the devices that the kernel has found so far, by the aliases that it gives for them
 * (Documentation/ABI/stable/sysfs-module, MODALIAS). Aliases that no module of this system has are passed over. Returns all that
 * was asked for up to now, for the next call. Drivers of real hardware may take seconds to look at it; this waits for them. A bus
 * that cannot be read does not keep the others from their drivers; it is thrown afterwards.
 */
export async function coldplug(
  host: Host,
  { known = new Set(), modules = [], buses = BUSES, storageOnly = false }: Coldplug = {},
): Promise<ReadonlySet<string>> {
  const errors: unknown[] = [];
  const aliases = buses.flatMap((bus) => {
    try {
      return modaliases(host, `/sys/bus/${bus}/devices`);
    } catch (error) {
      errors.push(error);
      return [];
    }
  });
  const found = storageOnly ? aliases.filter((alias) => !NO_STORAGE.test(alias)) : aliases;
  const fresh = [...new Set([...found, ...modules])].filter((alias) => !known.has(alias));
  if (fresh.length > 0) await loadModules(host, fresh);
  throwAll(errors);
  return new Set([...known, ...fresh]);
}

/** Loads modules by names or aliases, in their order; those that this system does not have are passed over. */
export function loadModules(host: Host, names: readonly string[]): Promise<unknown> {
  return host.exec(["modprobe", "-a", "-q", "-b", ...names]);
}

/** Devices that go away while they are looked at are left out. */
function modaliases(host: Host, directory: string): string[] {
  if (host.stat(directory) === undefined) return [];
  return host.list(directory).flatMap((device) => {
    try {
      return readTextIf(host, `${directory}/${device}/modalias`)?.trim() || [];
    } catch (error) {
      if (error instanceof HostError) return [];
      throw error;
    }
  });
}
