import type { Host } from "../../host/host.ts";

/** Where a name that nobody chose is kept, so that the node has the same one at the next boot. */
const KEPT = "/var/lib/rancher/k3os/hostname";

/** The chosen name, else the one that this machine got before, else a new one: `k3os-` and four random characters. */
export function ensureHostname(host: Host, chosen: string | undefined): string {
  if (chosen !== undefined) return chosen;
  if (host.stat(KEPT)) return host.readText(KEPT).trim();
  const name = `k3os-${host.readText("/proc/sys/kernel/random/uuid").slice(0, 4)}`;
  host.mkdir("/var/lib/rancher/k3os");
  host.write(KEPT, `${name}\n`);
  return name;
}
