import type { Layer, LayerKind } from "../config/layer.ts";
import type { Host } from "../host/host.ts";
import { RUN_CONFIG } from "./sources/handed.ts";

const DROP_INS = "/var/lib/rancher/k3os/config.d";

/** The layers that are there before any data source is asked. */
export function localLayers(host: Host): Layer[] {
  return [
    ...file(host, "/k3os/system/config.yaml", "system"),
    ...file(host, "/proc/cmdline", "cmdline"),
    ...file(host, "/var/lib/rancher/k3os/config.yaml", "local"),
  ];
}

/** All layers of this node, the lowest first, in the order of old k3OS. */
export function readLayers(host: Host): Layer[] {
  const dropIns = host.stat(DROP_INS) ? host.list(DROP_INS).map((name) => `${DROP_INS}/${name}`) : [];
  return [
    ...localLayers(host),
    ...file(host, `${RUN_CONFIG}/meta-data`, "metadata"),
    ...file(host, `${RUN_CONFIG}/network-config`, "network-config"),
    ...file(host, `${RUN_CONFIG}/local_hostname`, "hostname"),
    ...file(host, `${RUN_CONFIG}/ssh/authorized_keys`, "authorized-keys"),
    ...file(host, `${RUN_CONFIG}/userdata`, "userdata"),
    ...dropIns.flatMap((path) => file(host, path, "drop-in")),
  ];
}

function file(host: Host, path: string, kind: LayerKind): Layer[] {
  if (host.stat(path)?.type !== "file") return [];
  const layer: Layer = { name: path, kind, text: host.readText(path) };
  return [kind === "userdata" ? { ...layer, bytes: host.read(path) } : layer];
}
