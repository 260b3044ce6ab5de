import { readTextIf } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { NODE_DATA } from "./places.ts";

const NODE_NAME = `${NODE_DATA}/node-name`;

/** The name under which Kubernetes knows this node, once it has one. */
export function readNodeName(host: Host): string | undefined {
  return readTextIf(host, NODE_NAME)?.trim();
}

/**
 * Returns the name under which Kubernetes knows this node: its host name at the first boot. A later change of the host
 * name does not make it another node (rancher/k3os#159).
 */
export function ensureNodeName(host: Host, hostname: string): string {
  const known = readNodeName(host);
  if (known !== undefined) return known;
  const name = hostname.toLowerCase();
  host.write(NODE_NAME, `${name}\n`);
  return name;
}
