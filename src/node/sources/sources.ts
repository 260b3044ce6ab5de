import { type Config, load } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { doAll, type OnFailure, rethrow, throwAll } from "../failure.ts";
import { localLayers, type OnUnreadable } from "../layer-files.ts";
import { RUN } from "../places.ts";
import { recall, remember } from "./cache.ts";
import { readNoCloud } from "./nocloud.ts";
import { type SourceFiles, store } from "./source-files.ts";

/** The source that was used at this boot, for `k3os status`; empty if there was none. */
export const DATA_SOURCE = `${RUN}/data-source`;
/** Where user data is looked for when nobody says it. */
const DEFAULT_SOURCES = ["cdrom"];

/** The data sources that the machine's own layers name, in their order. */
export function namedSources(host: Host): readonly string[] {
  return localConfig(host).data_sources ?? DEFAULT_SOURCES;
}

function localConfig(host: Host, onUnreadable?: OnUnreadable): NonNullable<Config["k3os"]> {
  return load(localLayers(host, onUnreadable)).config.k3os ?? {};
}

/**
 * Asks the data sources one after the other until one answers; what it says ends up in `/run/config`, and its name in
 * `/run/k3os/data-source`. `cdrom` is a NoCloud volume on any disk, `file=/path` a file, everything else a cloud. A volume that is
 * not there is looked for again once `drivers` are all loaded. The network is brought up when the first cloud is asked. If nobody
 * answers, what a cloud said at an earlier boot still holds. A failure costs only what could not be read. All failures are thrown
 * at the end, as one error.
 */
export async function readDataSources(host: Host, drivers: Promise<unknown>): Promise<void> {
  const errors: unknown[] = [];
  const onFailure = (error: unknown) => void errors.push(error);
  const { data_sources: sources = DEFAULT_SOURCES, network } = localConfig(host, (_, error) => onFailure(error));
  let up: Promise<void> | undefined;
  const bringUpNetwork = async () => {
    const { bringUpEarlyNetwork } = await import("./early-network.ts");
    up ??= bringUpEarlyNetwork(host, network, drivers);
    return up;
  };
  let used: string | undefined;
  for (const source of sources) {
    const files = await readSource(host, source, drivers, bringUpNetwork, onFailure).catch(onFailure);
    if (!files) continue;
    used = source;
    await take(host, source, files).catch(onFailure);
    break;
  }
  used ??= (await takeEarlier(host, sources).catch(onFailure)) || "";
  await doAll([() => host.write(DATA_SOURCE, used)]).catch(onFailure);
  throwAll(errors);
}

async function take(host: Host, source: string, files: SourceFiles): Promise<void> {
  const cloud = isCloud(source) ? await import("./cloud.ts") : undefined;
  await doAll([
    () => store(host, files),
    () => cloud && remember(host, source, files),
    () => cloud?.reportToCloud(host, source),
  ]);
}

/** Takes what a cloud said at an earlier boot, if one did. */
async function takeEarlier(host: Host, sources: readonly string[]): Promise<string | undefined> {
  const earlier = recall(host, sources);
  if (earlier === undefined) return undefined;
  await store(host, earlier.files);
  return `${earlier.source} (of an earlier boot)`;
}

/** What one source has to say now; `undefined` if it is not there. What cannot be read of it is handed to `onFailure`. */
export async function readSource(
  host: Host,
  source: string,
  drivers: Promise<unknown>,
  network: () => Promise<void>,
  onFailure: OnFailure = rethrow,
): Promise<SourceFiles | undefined> {
  if (source === "cdrom") {
    const files = await readNoCloud(host, onFailure);
    if (files !== undefined) return files;
    await drivers;
    return readNoCloud(host, onFailure);
  }
  const path = /^file=(.*)/.exec(source)?.[1];
  if (path !== undefined) return host.stat(path)?.type === "file" ? { userdata: host.read(path) } : undefined;
  // Loaded when a cloud is asked: most machines are in none.
  const { readCloud, readCloudVolume } = await import("./cloud.ts");
  const ofVolume = await readCloudVolume(host, source, onFailure);
  if (ofVolume !== undefined) return ofVolume;
  await network();
  return readCloud(host, source, drivers, onFailure);
}

function isCloud(source: string): boolean {
  return source !== "cdrom" && !source.startsWith("file=");
}
