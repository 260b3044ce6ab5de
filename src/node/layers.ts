import { type Config, type Layer, type Loaded, load } from "../config/index.ts";
import type { Host } from "../host/host.ts";
import { type OnUnreadable, readLayers } from "./layer-files.ts";

export { localLayers } from "./layer-files.ts";

export interface LoadedLayers extends Loaded {
  readonly layers: readonly Layer[];
}

/**
 * What the layers of this node come to, lowest first, in the order of old k3OS. Keys that the machine's surroundings hand over
 * (meta-data, authorized_keys) are added to those of the config, as cloud-init does it, so that they never lock
 * each other out.
 */
export function loadConfig(host: Host, onUnreadable?: OnUnreadable): LoadedLayers {
  const layers = readLayers(host, onUnreadable);
  const loaded = load(layers);
  const handedOver = load(layers.filter(({ kind }) => kind === "metadata" || kind === "authorized-keys")).config;
  const keys = [...(handedOver.ssh_authorized_keys ?? []), ...(loaded.config.ssh_authorized_keys ?? [])];
  const config: Config =
    keys.length === 0 ? loaded.config : { ...loaded.config, ssh_authorized_keys: [...new Set(keys)] };
  return { ...loaded, config, layers };
}
