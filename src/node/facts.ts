import type { Facts } from "../config/index.ts";
import type { Host } from "../host/host.ts";
import { NODE_NAME } from "./boot/identity.ts";

/** Mode and version of the running system, and the name that Kubernetes knows the node by, once it has one. */
export function readFacts(host: Host): Facts {
  const { version } = JSON.parse(host.readText("/usr/share/k3os/image.json")) as { version: string };
  const named = host.stat(NODE_NAME) ? { nodeName: host.readText(NODE_NAME).trim() } : {};
  return { mode: host.readText("/run/k3os/mode").trim(), version, ...named };
}
