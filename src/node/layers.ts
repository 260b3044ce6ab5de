import { type Layer, type Loaded, load } from "../config/index.ts";
import type { Host } from "../host/host.ts";
import { type OnUnreadable, readLayers } from "./layer-files.ts";

export interface LoadedLayers extends Loaded {
  readonly layers: readonly Layer[];
}

/** The layers of this node, merged. */
export function loadConfig(host: Host, onUnreadable?: OnUnreadable): LoadedLayers {
  const layers = readLayers(host, onUnreadable);
  return { ...load(layers), layers };
}
