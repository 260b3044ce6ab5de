import type { Host } from "../../host/host.ts";
import { menuEntries } from "../../image/disk.ts";
import { writeEntries } from "./entries.ts";

/**
 * Writes the boot menu onto the state partition mounted at `root`. `machine` holds kernel arguments of this machine for
 * every slot; if it is empty, the existing ones stay.
 */
export function writeMenu(host: Host, root: string, machine: readonly string[]): void {
  writeEntries(host, root, menuEntries(machine));
}
