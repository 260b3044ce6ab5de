import { type Config, type Layer, type LayerKind, type Loaded, load } from "../config/index.ts";
import type { Host } from "../host/host.ts";
import { RUN_CONFIG } from "./sources/nocloud.ts";

const DROP_INS = "/var/lib/rancher/k3os/config.d";

/**
 * What the layers of this node come to, lowest first, in the order of old k3OS. Keys that the machine's surroundings hand over
 * (meta-data, authorized_keys) are added to those of the config, as cloud-init does it, so that they never lock
 * each other out.
 */
export function loadConfig(host: Host): Loaded {
  const layers = readLayers(host);
  const loaded = load(layers);
  const handedOver = load(layers.filter(({ kind }) => kind === "metadata" || kind === "authorized-keys")).config;
  const keys = [...(handedOver.ssh_authorized_keys ?? []), ...(loaded.config.ssh_authorized_keys ?? [])];
  const config: Config =
    keys.length === 0 ? loaded.config : { ...loaded.config, ssh_authorized_keys: [...new Set(keys)] };
  return { ...loaded, config };
}

/** The layers that are there before any data source is asked. */
export function localLayers(host: Host): Layer[] {
  return [
    ...file(host, "/k3os/system/config.yaml", "system"),
    ...file(host, "/proc/cmdline", "cmdline"),
    ...file(host, "/var/lib/rancher/k3os/config.yaml", "local"),
  ];
}

function readLayers(host: Host): Layer[] {
  const dropIns = host.stat(DROP_INS) ? host.list(DROP_INS).map((name) => `${DROP_INS}/${name}`) : [];
  return [
    ...localLayers(host),
    ...file(host, `${RUN_CONFIG}/meta-data`, "metadata"),
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
