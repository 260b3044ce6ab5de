import { readTextIf } from "../../host/files.ts";
import { type Host, HostError } from "../../host/host.ts";
import { throwAll } from "../failure.ts";

/** Buses of paravirtual devices. A virtual machine boots from them, and they need no probing. */
export const FAST_BUSES = ["virtio", "vmbus", "xen"];
/**
 * Paravirtual devices that cannot hold a volume: network cards, sources of randomness … (virtio's block devices are 2,
 * SCSI hosts 8).
 */
const NO_STORAGE = /^virtio:d(?!0000000[28])/;
/**
 * All whose devices have drivers of their own. On the last four are the parts of Wi-Fi cards: Broadcom's (bcma, ssb),
 * those on SDIO, and Qualcomm's, whose firmware speaks over MHI.
 */
const BUSES = [
  ...[...FAST_BUSES, "pci", "scsi", "usb", "acpi", "amba", "platform", "mmc", "hid", "serio"],
  ...["bcma", "ssb", "sdio", "mhi"],
];

export interface Coldplug {
  /** What was requested before. It is not requested again. */
  readonly known?: ReadonlySet<string>;
  /** Modules to load at the same time. */
  readonly modules?: readonly string[];
  /** All buses if not given. */
  readonly buses?: readonly string[];
  /** Skip devices that are known to hold no volume. */
  readonly storageOnly?: boolean;
}

/**
 * Loads the modules for the devices that the kernel has found so far, by their aliases
 * (Documentation/ABI/stable/sysfs-module, MODALIAS). Aliases without a module in this system are skipped. Returns
 * everything that was requested so far, for the next call. Waits for the drivers; those of real hardware may probe for
 * seconds. If a bus cannot be read, the others still get their drivers, and then the error is thrown.
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

/** Loads modules by name or alias, in order. Skips modules that this system does not have. */
export function loadModules(host: Host, names: readonly string[]): Promise<unknown> {
  return host.exec(["modprobe", "-a", "-q", "-b", ...names]);
}

/** Devices that disappear meanwhile are skipped. */
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
