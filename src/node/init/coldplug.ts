import type { Host } from "../../host/host.ts";

/** Paravirtual devices: what a virtual machine boots from and talks through, found without probing. */
export const FAST_BUSES = ["virtio", "vmbus", "xen"];
const BUSES = [...FAST_BUSES, "pci", "scsi", "usb", "acpi", "platform", "mmc", "hid", "serio"];

export interface Coldplug {
  /** What was asked for already: it is not asked for again. */
  readonly known?: ReadonlySet<string>;
  /** Modules to load at the same time. */
  readonly modules?: readonly string[];
  /** All if not given. */
  readonly buses?: readonly string[];
}

/**
 * Loads the modules of the devices that the kernel has found so far, by the aliases that it gives for them
 * (Documentation/ABI/stable/sysfs-module, MODALIAS). Aliases that no module of this system has are passed over. Returns all that
 * was asked for up to now, for the next call. Drivers of real hardware may take seconds to look at it; this waits for them.
 */
export async function coldplug(
  host: Host,
  { known = new Set(), modules = [], buses = BUSES }: Coldplug = {},
): Promise<ReadonlySet<string>> {
  const found = buses.flatMap((bus) => modaliases(host, `/sys/bus/${bus}/devices`));
  const fresh = [...new Set([...found, ...modules])].filter((alias) => !known.has(alias));
  if (fresh.length > 0) await host.exec(["modprobe", "-a", "-q", "-b", ...fresh]);
  return new Set([...known, ...fresh]);
}

function modaliases(host: Host, directory: string): string[] {
  if (host.stat(directory) === undefined) return [];
  return host
    .list(directory)
    .map((device) => `${directory}/${device}/modalias`)
    .filter((path) => host.stat(path) !== undefined)
    .map((path) => host.readText(path).trim())
    .filter((alias) => alias !== "");
}
