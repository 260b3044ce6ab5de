import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { NODE_DATA } from "../places.ts";
import { type SourceFiles, store, stored } from "./source-files.ts";

/** The last answer of a cloud, for a boot at which the cloud does not answer. */
const CACHE = `${NODE_DATA}/data-source`;
const ORIGIN = `${CACHE}/origin.json`;

interface Origin {
  readonly source: string;
  readonly machine: string;
}

/** Saves the answer of a source. The previous directory is replaced as a whole. */
export async function remember(host: Host, source: string, files: SourceFiles): Promise<void> {
  const next = `${CACHE}.new`;
  host.remove(next);
  await store(host, files, next);
  const origin: Origin = { source, machine: machineId(host) };
  host.write(`${next}/origin.json`, `${JSON.stringify(origin)}\n`, { mode: 0o600 });
  host.remove(CACHE);
  host.rename(next, CACHE);
}

/**
 * The answer of one of these sources at an earlier boot of this machine. A disk that was copied to another machine has
 * no answer for it.
 */
export function recall(host: Host, sources: readonly string[]): (Origin & { readonly files: SourceFiles }) | undefined {
  const text = readTextIf(host, ORIGIN);
  if (text === undefined) return undefined;
  const origin = JSON.parse(text) as Origin;
  if (!sources.includes(origin.source) || origin.machine !== machineId(host)) return undefined;
  return { ...origin, files: stored(host, CACHE) };
}

/** The identity of the machine in its firmware (SMBIOS); empty if there is none. */
function machineId(host: Host): string {
  return readTextIf(host, "/sys/class/dmi/id/product_uuid")?.trim() ?? "";
}
