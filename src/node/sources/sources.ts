import { load } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { localLayers } from "../layers.ts";
import { RUN_CONFIG, readNoCloud } from "./nocloud.ts";

/** Where user data is looked for when nobody says it. */
const DEFAULT_SOURCES = ["cdrom"];

/**
 * Asks the data sources that the machine's own layers name, in their order, until one answers; what it says ends up in
 * `/run/config`. The sources are old k3OS's: `cdrom` is a NoCloud volume on any disk, `file=/path` a file. A volume that is not
 * there is looked for again once `drivers` are all loaded.
 */
export async function readDataSources(host: Host, drivers: Promise<unknown>): Promise<void> {
  const { config } = load(localLayers(host));
  for (const source of config.k3os?.data_sources ?? DEFAULT_SOURCES) {
    if (source === "cdrom" ? await readVolume(host, drivers) : readFileSource(host, source.replace(/^file=/, "")))
      return;
  }
}

async function readVolume(host: Host, drivers: Promise<unknown>): Promise<boolean> {
  if (await readNoCloud(host)) return true;
  await drivers;
  return readNoCloud(host);
}

function readFileSource(host: Host, path: string): boolean {
  if (host.stat(path)?.type !== "file") return false;
  host.mkdir(RUN_CONFIG, { mode: 0o700 });
  host.write(`${RUN_CONFIG}/userdata`, host.read(path), { mode: 0o600 });
  return true;
}
