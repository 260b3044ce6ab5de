import type { Host } from "../../host/host.ts";

/** A shell on the console before anything is mounted. Leaving it goes on with the boot. */
export async function enterRescueShell(host: Host): Promise<void> {
  host.poke("/dev/console", "\nk3OS rescue shell. Leave it with exit, and the boot goes on.\n");
  await host.exec(["sh", "-c", "exec setsid -c sh </dev/console >/dev/console 2>&1"], { inherit: true });
}
