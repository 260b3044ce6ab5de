import { fromUtf8 } from "../../config/bytes.ts";
import type { Host } from "../../host/host.ts";
import { fetchAll } from "./fetch.ts";

/** Azure's own service, at the same address in every virtual network. */
const WIRE_SERVER = "http://168.63.129.16/machine/";
const HEADERS = ["x-ms-agent-name: k3os", "x-ms-version: 2012-11-30", "Content-Type: text/xml; charset=utf-8"];

/**
 * Reports to Azure that the machine is provisioned: that the goal state of the wire server has been reached (Azure,
 * "images without a provisioning agent"). Without it, Azure declares after 20 minutes that provisioning failed,
 * although the machine runs.
 */
export async function reportReady(host: Host): Promise<void> {
  const { goal } = await fetchAll(host, { goal: { url: `${WIRE_SERVER}?comp=goalstate`, headers: HEADERS } });
  const state = fromUtf8(goal.body) ?? "";
  const [incarnation, container, instance] = ["Incarnation", "ContainerId", "InstanceId"].map(
    (name) => new RegExp(`<${name}>\\s*([\\w.-]+)\\s*</${name}>`).exec(state)?.[1],
  );
  if (incarnation === undefined || container === undefined || instance === undefined) return;
  const health = [
    '<?xml version="1.0" encoding="utf-8"?>',
    "<Health>",
    `<GoalStateIncarnation>${incarnation}</GoalStateIncarnation>`,
    `<Container><ContainerId>${container}</ContainerId><RoleInstanceList><Role>`,
    `<InstanceId>${instance}</InstanceId><Health><State>Ready</State></Health>`,
    "</Role></RoleInstanceList></Container>",
    "</Health>",
  ].join("");
  await fetchAll(host, { told: { url: `${WIRE_SERVER}?comp=health`, method: "POST", headers: HEADERS, body: health } });
}
