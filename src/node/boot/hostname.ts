import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { NODE_DATA } from "../places.ts";

/** The generated host name, for the next boots. */
const HOSTNAME = `${NODE_DATA}/hostname`;

/** The chosen name, else the name that was generated before, else a new one: `k3os-` and four random characters. */
export function hostnameOf(host: Host, chosen: string | undefined): string {
  if (chosen !== undefined) return chosen;
  const kept = readTextIf(host, HOSTNAME)?.trim();
  return kept ?? `k3os-${host.readText("/proc/sys/kernel/random/uuid").slice(0, 4)}`;
}

/** Saves a generated name, so that the node has the same one at the next boot. */
export function keepHostname(host: Host, name: string): void {
  if (host.stat(HOSTNAME) === undefined) host.write(HOSTNAME, `${name}\n`);
}
