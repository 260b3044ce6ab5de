import type { Host } from "../../host/host.ts";

const BUSES = ["pci", "virtio", "scsi", "usb", "acpi", "platform", "mmc", "vmbus", "xen", "hid", "serio"];

/**
 * Loads the modules of the devices that the kernel has found so far, by the aliases that it gives for them
 * (Documentation/ABI/stable/sysfs-module, MODALIAS). Aliases that no module of this system has are passed over.
 * `more` are modules to load at the same time. Returns all that was asked for, so that a caller that waits for slow buses can
 * skip them the next time.
 */
export async function coldplug(
  host: Host,
  known: ReadonlySet<string> = new Set(),
  more: readonly string[] = [],
): Promise<ReadonlySet<string>> {
  const found = BUSES.flatMap((bus) => modaliases(host, `/sys/bus/${bus}/devices`));
  const fresh = [...new Set([...found, ...more])].filter((alias) => !known.has(alias));
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
