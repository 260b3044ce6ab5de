import type { Host } from "../../host/host.ts";
import { coldplug } from "./coldplug.ts";

const GREETING = `
k3OS rescue shell. Nothing is mounted yet: modprobe, blkid, e2fsck and mount are here, vi too.
Leave it with exit, and the boot goes on.
`;

/** Opens a shell on the console before anything is mounted. The boot goes on when the shell exits. */
export async function enterRescueShell(host: Host): Promise<void> {
  await loadDrivers(host);
  host.poke("/dev/console", GREETING);
  await host.exec(["sh", "-c", "exec setsid -c sh </dev/console >/dev/console 2>&1"], { inherit: true });
}

/** Loads drivers until no new device has appeared for a second: a driver may find devices that need other drivers. */
async function loadDrivers(host: Host): Promise<void> {
  let known = await coldplug(host);
  for (let calm = 0; calm < 5; calm++) {
    await host.sleep(200);
    const now = await coldplug(host, { known });
    if (now.size > known.size) calm = -1;
    known = now;
  }
}
