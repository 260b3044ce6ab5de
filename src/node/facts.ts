import type { Facts } from "../config/index.ts";
import type { Host } from "../host/host.ts";

/** Mode and version of the running system. */
export function readFacts(host: Host): Facts {
  const { version } = JSON.parse(host.readText("/usr/share/k3os/image.json")) as { version: string };
  return { mode: host.readText("/run/k3os/mode").trim(), version };
}
