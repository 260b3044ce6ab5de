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
/** The sources that are asked if no layer names any. */
const DEFAULT_SOURCES = ["cdrom"];

/** The data sources that the machine's own layers name, in their order. */
export function namedSources(host: Host): readonly string[] {
  return localConfig(host).data_sources ?? DEFAULT_SOURCES;
}

function localConfig(host: Host, onUnreadable?: OnUnreadable): NonNullable<Config["k3os"]> {
  return load(localLayers(host, onUnreadable)).config.k3os ?? {};
}

/**
 * Asks the data sources in order until one answers. Writes its files to `/run/config` and its name to
 * `/run/k3os/data-source`. `cdrom` is a NoCloud volume on any disk, `file=/path` a file, everything else a cloud. A
 * missing volume is searched for again once all `drivers` are loaded. The network is brought up when the first cloud is
 * asked. If no source answers, the answer of a cloud at an earlier boot is used. A failure affects only what could not
 * be read. All failures are thrown at the end, as one error.
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

/** Uses the answer of a cloud at an earlier boot, if there is one. */
async function takeEarlier(host: Host, sources: readonly string[]): Promise<string | undefined> {
  const earlier = recall(host, sources);
  if (earlier === undefined) return undefined;
  await store(host, earlier.files);
  return `${earlier.source} (of an earlier boot)`;
}

/** The files of one source; `undefined` if it does not exist. Errors of single files go to `onFailure`. */
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
  // Loaded only when a cloud is asked, because most machines are in none.
  const { readCloud, readCloudVolume } = await import("./cloud.ts");
  const ofVolume = await readCloudVolume(host, source, onFailure);
  if (ofVolume !== undefined) return ofVolume;
  await network();
  return readCloud(host, source, drivers, onFailure);
}

function isCloud(source: string): boolean {
  return source !== "cdrom" && !source.startsWith("file=");
}
