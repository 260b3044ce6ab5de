import type { Host } from "../../host/host.ts";
import { type Handed, store, stored } from "./handed.ts";

/** What a cloud said last, for a boot at which it says nothing. */
const CACHE = "/var/lib/rancher/k3os/data-source";
const ORIGIN = `${CACHE}/origin.json`;

interface Origin {
  readonly source: string;
  readonly machine: string;
}

/** Keeps what a source handed over. The directory of the last time is replaced as a whole. */
export function remember(host: Host, source: string, handed: Handed): void {
  const next = `${CACHE}.new`;
  host.remove(next);
  store(host, handed, next);
  const origin: Origin = { source, machine: machineId(host) };
  host.write(`${next}/origin.json`, `${JSON.stringify(origin)}\n`, { mode: 0o600 });
  host.remove(CACHE);
  host.rename(next, CACHE);
}

/** What one of these sources said at an earlier boot of this machine; a copy of its disk in another machine is not it. */
export function recall(host: Host, sources: readonly string[]): (Origin & { readonly handed: Handed }) | undefined {
  if (host.stat(ORIGIN) === undefined) return undefined;
  const origin = JSON.parse(host.readText(ORIGIN)) as Origin;
  if (!sources.includes(origin.source) || origin.machine !== machineId(host)) return undefined;
  return { ...origin, handed: stored(host, CACHE) };
}

/** The identity that firmware gives a machine (SMBIOS); empty where there is none. */
function machineId(host: Host): string {
  const path = "/sys/class/dmi/id/product_uuid";
  return host.stat(path) ? host.readText(path).trim() : "";
}
