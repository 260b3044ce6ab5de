import { type Config, load } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { localLayers } from "../layers.ts";
import { recall, remember } from "./cache.ts";
import { type Handed, store } from "./handed.ts";
import { readNoCloud } from "./nocloud.ts";

/** What was used at this boot, for `k3os status`; empty if nothing was. */
export const DATA_SOURCE = "/run/k3os/data-source";
/** Where user data is looked for when nobody says it. */
const DEFAULT_SOURCES = ["cdrom"];

/** The data sources that the machine's own layers name, in their order. */
export function namedSources(host: Host): readonly string[] {
  return localConfig(host).data_sources ?? DEFAULT_SOURCES;
}

function localConfig(host: Host): NonNullable<Config["k3os"]> {
  return load(localLayers(host)).config.k3os ?? {};
}

/**
 * Asks the data sources one after the other until one answers; what it says ends up in `/run/config`. `cdrom` is a NoCloud volume
 * on any disk, `file=/path` a file, everything else a cloud. A volume that is not there is looked for again once `drivers`
 * are all loaded. The network is brought up when the first cloud is asked. If nobody answers, what a cloud said at an earlier boot
 * still holds. Returns what was used, for the log.
 */
export async function readDataSources(host: Host, drivers: Promise<unknown>): Promise<string | undefined> {
  const { data_sources: sources = DEFAULT_SOURCES, network } = localConfig(host);
  let up: Promise<void> | undefined;
  for (const source of sources) {
    const handed = await readSource(host, source, drivers, () => {
      up ??= import("./early-network.ts").then(({ bringUpEarlyNetwork }) =>
        bringUpEarlyNetwork(host, network, drivers),
      );
      return up;
    });
    if (handed === undefined) continue;
    store(host, handed);
    if (isCloud(source)) {
      remember(host, source, handed);
      await (await import("./cloud.ts")).greet(host, source);
    }
    return source;
  }
  const earlier = recall(host, sources);
  if (earlier === undefined) return undefined;
  store(host, earlier.handed);
  return `${earlier.source} (of an earlier boot)`;
}

/** What one source hands over now. */
export async function readSource(
  host: Host,
  source: string,
  drivers: Promise<unknown>,
  network: () => Promise<void>,
): Promise<Handed | undefined> {
  if (source === "cdrom") {
    const handed = await readNoCloud(host);
    if (handed !== undefined) return handed;
    await drivers;
    return readNoCloud(host);
  }
  const path = /^file=(.*)/.exec(source)?.[1];
  if (path !== undefined) return host.stat(path)?.type === "file" ? { userdata: host.read(path) } : undefined;
  // Loaded when a cloud is asked: most machines are in none.
  const { readCloud, readCloudVolume } = await import("./cloud.ts");
  const ofVolume = await readCloudVolume(host, source);
  if (ofVolume !== undefined) return ofVolume;
  await network();
  return readCloud(host, source, drivers);
}

function isCloud(source: string): boolean {
  return source !== "cdrom" && !source.startsWith("file=");
}
