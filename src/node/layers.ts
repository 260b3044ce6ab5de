import type { Layer } from "../config/index.ts";
import type { Host } from "../host/host.ts";
import { RUN_CONFIG } from "./sources/nocloud.ts";

const DROP_INS = "/var/lib/rancher/k3os/config.d";

/** The layers of this node, lowest first, as the behaviour of old k3OS orders them. Missing files are no layers. */
export function readLayers(host: Host): Layer[] {
  const dropIns = host.stat(DROP_INS) ? host.list(DROP_INS).map((name) => `${DROP_INS}/${name}`) : [];
  const hostname = `${RUN_CONFIG}/local_hostname`;
  return [
    ...file(host, "/k3os/system/config.yaml", "system"),
    { name: "/proc/cmdline", kind: "cmdline", text: host.readText("/proc/cmdline") },
    ...file(host, "/var/lib/rancher/k3os/config.yaml", "local"),
    ...(host.stat(hostname)
      ? [{ name: hostname, kind: "metadata" as const, text: `hostname: ${host.readText(hostname)}` }]
      : []),
    ...file(host, `${RUN_CONFIG}/userdata`, "userdata"),
    ...dropIns.flatMap((path) => file(host, path, "drop-in")),
  ];
}

function file(host: Host, path: string, kind: Layer["kind"]): Layer[] {
  return host.stat(path)?.type === "file" ? [{ name: path, kind, text: host.readText(path) }] : [];
}
