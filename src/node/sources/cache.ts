import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { NODE_DATA } from "../places.ts";
import { type SourceFiles, store, stored } from "./source-files.ts";

/** What a cloud said last, for a boot at which it says nothing. */
const CACHE = `${NODE_DATA}/data-source`;
const ORIGIN = `${CACHE}/origin.json`;

interface Origin {
  readonly source: string;
  readonly machine: string;
}

/** Keeps what a source said. The directory of the last time is replaced as a whole. */
export async function remember(host: Host, source: string, files: SourceFiles): Promise<void> {
  const next = `${CACHE}.new`;
  host.remove(next);
  await store(host, files, next);
  const origin: Origin = { source, machine: machineId(host) };
  host.write(`${next}/origin.json`, `${JSON.stringify(origin)}\n`, { mode: 0o600 });
  host.remove(CACHE);
  host.rename(next, CACHE);
}

/** What one of these sources said at an earlier boot of this machine; a copy of its disk in another machine is not it. */
export function recall(host: Host, sources: readonly string[]): (Origin & { readonly files: SourceFiles }) | undefined {
  const text = readTextIf(host, ORIGIN);
  if (text === undefined) return undefined;
  const origin = JSON.parse(text) as Origin;
  if (!sources.includes(origin.source) || origin.machine !== machineId(host)) return undefined;
  return { ...origin, files: stored(host, CACHE) };
}

/** The identity that firmware gives a machine (SMBIOS); empty where there is none. */
function machineId(host: Host): string {
  return readTextIf(host, "/sys/class/dmi/id/product_uuid")?.trim() ?? "";
}
