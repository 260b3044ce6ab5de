import type { Host } from "../../host/host.ts";
import { coldplug } from "./coldplug.ts";

const GREETING = `
k3OS rescue shell. Nothing is mounted yet: modprobe, blkid, e2fsck and mount are here, vi too.
Leave it with exit, and the boot goes on.
`;

/** A shell on the console before anything is mounted. Leaving it goes on with the boot. */
export async function enterRescueShell(host: Host): Promise<void> {
  await coldplug(host);
  host.poke("/dev/console", GREETING);
  await host.exec(["sh", "-c", "exec setsid -c sh </dev/console >/dev/console 2>&1"], { inherit: true });
}
