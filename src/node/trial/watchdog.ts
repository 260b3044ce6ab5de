import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";

/** Drivers of watchdogs in hardware. os/rootfs/etc/modprobe.d/watchdog.conf sets their time. */
const HARDWARE = ["i6300esb", "wdat_wdt", "iTCO_wdt", "sbsa_gwdt", "bcm2835_wdt"];
/** The kernel's own timer. It ends a userland that hangs, and most hangs of the kernel. */
const SOFTWARE = "softdog";
/** A watchdog that cannot wait for this long would reset a machine that boots slowly. */
const SHORTEST_S = 120;

const DEVICES = "/sys/class/watchdog";

/** A watchdog that runs (Documentation/watchdog/watchdog-api.rst). It resets the machine unless it is fed. */
export interface Watchdog {
  feed(): void;
  /** Stops it. */
  disarm(): void;
  /** Lets it run on. Whoever opens it next can feed it. */
  leave(): void;
}

/**
 * Opens the watchdog that runs already, or starts the best one that this machine has. Opening is feeding. Throws if
 * there is none. When this process ends, the watchdog runs on, and the kernel says that it did not stop.
 */
export async function takeWatchdog(host: Host): Promise<Watchdog> {
  const device = usableDevice(host) ?? (await loadDrivers(host, HARDWARE)) ?? (await loadDrivers(host, [SOFTWARE]));
  if (device === undefined) {
    throw new K3osError("machine", "this machine has no watchdog, not even the kernel's own", {
      hint: "A hang during a trial has to be ended by hand. Is softdog among the modules of this kernel?",
    });
  }
  const file = host.openForWriting(device);
  return {
    feed: () => file.write("."),
    disarm: () => {
      file.write("V");
      file.close();
    },
    leave: () => file.close(),
  };
}

/** Starts the watchdog and lets it run on: whatever comes now has its time, or the machine is reset. */
export async function armWatchdog(host: Host): Promise<void> {
  (await takeWatchdog(host)).leave();
}

async function loadDrivers(host: Host, drivers: readonly string[]): Promise<string | undefined> {
  await host.exec(["modprobe", "-a", "-q", ...drivers]);
  return usableDevice(host);
}

/** The device of the watchdog that runs, or of the first one that can wait for long enough. */
function usableDevice(host: Host): string | undefined {
  if (host.stat(DEVICES) === undefined) return undefined;
  const names = host.list(DEVICES);
  const attribute = (name: string, key: string) => readTextIf(host, `${DEVICES}/${name}/${key}`)?.trim();
  const running = names.find((name) => attribute(name, "state") === "active");
  const usable = running ?? names.find((name) => Number(attribute(name, "timeout") ?? 0) >= SHORTEST_S);
  return usable && `/dev/${usable}`;
}
