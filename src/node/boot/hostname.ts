import type { Host } from "../../host/host.ts";
import { KEPT } from "./identity.ts";

/** Where a name that nobody chose is kept, so that the node has the same one at the next boot. */
const HOSTNAME = `${KEPT}/hostname`;

/** The chosen name, else the one that this machine got before, else a new one: `k3os-` and four random characters. */
export function ensureHostname(host: Host, chosen: string | undefined): string {
  if (chosen !== undefined) return chosen;
  if (host.stat(HOSTNAME)) return host.readText(HOSTNAME).trim();
  const name = `k3os-${host.readText("/proc/sys/kernel/random/uuid").slice(0, 4)}`;
  host.mkdir(KEPT);
  host.write(HOSTNAME, `${name}\n`);
  return name;
}
