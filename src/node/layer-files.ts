import type { Layer } from "../config/layer.ts";
import type { LayerKind } from "../config/layer-kind.ts";
import type { Host } from "../host/host.ts";
import { layersOf } from "../management/layer.ts";
import { rethrow } from "./failure.ts";
import { NODE_DATA, RUN_CONFIG } from "./places.ts";
import { layerOfSlot, requireWholeLayer } from "./slots/layer-file.ts";
import { isClusterConfigOff, runningSlot } from "./slots/running.ts";

const DROP_INS = `${NODE_DATA}/config.d`;

/** Takes the name of a layer that cannot be read, and why. The layer is left out. */
export type OnUnreadable = (layer: string, error: unknown) => void;

const giveUp: OnUnreadable = (_, error) => rethrow(error);

/** The layers that exist before any data source is asked. */
export function localLayers(host: Host, onUnreadable = giveUp): Layer[] {
  const read = (path: string, kind: LayerKind) => readLayer(host, path, kind, onUnreadable);
  return [
    ...read("/k3os/system/config.yaml", "system"),
    ...read("/proc/cmdline", "cmdline"),
    ...read(`${NODE_DATA}/config.yaml`, "local"),
  ];
}

/** All layers of this node, the lowest first. */
export function readLayers(host: Host, onUnreadable = giveUp): Layer[] {
  return [...ownLayers(host, onUnreadable), ...clusterLayers(host, onUnreadable)];
}

/** The layers that the cluster says nothing of, in the order of old k3OS. */
export function ownLayers(host: Host, onUnreadable = giveUp): Layer[] {
  const read = (path: string, kind: LayerKind) => readLayer(host, path, kind, onUnreadable);
  return [
    ...localLayers(host, onUnreadable),
    ...read(`${RUN_CONFIG}/meta-data`, "metadata"),
    ...read(`${RUN_CONFIG}/network-config`, "network-config"),
    ...read(`${RUN_CONFIG}/local_hostname`, "hostname"),
    ...read(`${RUN_CONFIG}/ssh/authorized_keys`, "authorized-keys"),
    ...read(`${RUN_CONFIG}/userdata`, "userdata"),
    ...dropIns(host, onUnreadable).flatMap((path) => read(path, "drop-in")),
  ];
}

function clusterLayers(host: Host, onUnreadable: OnUnreadable): Layer[] {
  try {
    if (isClusterConfigOff(host)) return [];
    const slot = runningSlot(host);
    requireWholeLayer(host, slot);
    return layersOf(layerOfSlot(host, slot));
  } catch (error) {
    onUnreadable("of the cluster", error);
    return [];
  }
}

function dropIns(host: Host, onUnreadable: OnUnreadable): string[] {
  try {
    return host.stat(DROP_INS) ? host.list(DROP_INS).map((name) => `${DROP_INS}/${name}`) : [];
  } catch (error) {
    onUnreadable(DROP_INS, error);
    return [];
  }
}

/** The layer as a list of one; an empty list if the file does not exist. */
function readLayer(host: Host, path: string, kind: LayerKind, onUnreadable: OnUnreadable): Layer[] {
  try {
    if (host.stat(path)?.type !== "file") return [];
    const layer: Layer = { name: path, kind, text: host.readText(path) };
    return [kind === "userdata" ? { ...layer, bytes: host.read(path) } : layer];
  } catch (error) {
    onUnreadable(path, error);
    return [];
  }
}
