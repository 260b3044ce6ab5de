import type { Facts } from "../config/index.ts";
import type { Host } from "../host/host.ts";
import { readNodeName } from "./node-name.ts";
import { IMAGE_JSON, RUN } from "./places.ts";

/** Mode and version of the running system, and the node's name in Kubernetes once it has one. */
export function readFacts(host: Host): Facts {
  const { version } = JSON.parse(host.readText(IMAGE_JSON)) as { version: string };
  const nodeName = readNodeName(host);
  return { mode: host.readText(`${RUN}/mode`).trim(), version, ...(nodeName !== undefined && { nodeName }) };
}
