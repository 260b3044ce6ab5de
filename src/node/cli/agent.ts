import type { Host } from "../../host/host.ts";
import { runAgent } from "../agent/agent.ts";
import { curlClient } from "../agent/curl-client.ts";
import { eventRecorder } from "../agent/events.ts";
import { provideApi } from "../agent/install.ts";
import { ownNode } from "../agent/own-node.ts";
import { watchResources } from "../agent/watch.ts";
import { PATHS } from "../agent/watches.ts";
import { kubeletAccess } from "../health/api.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os agent`, a service: keeps this node as Machines, pools and configs of the cluster want it. Ends when the machine
 * is about to stop.
 */
export async function agentCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  const credentials = () => kubeletAccess(host);
  const client = curlClient(host, credentials);
  const own = ownNode(host);
  await provideApi(host, own.log);
  const query = `fieldSelector=${encodeURIComponent(`metadata.name=${own.name}`)}`;
  const watch = watchResources(host, client, credentials, {
    machine: { path: PATHS.machines, query },
    pools: { path: PATHS.pools },
    configs: { path: PATHS.configs },
  });
  const events = eventRecorder(host, client, own.name);
  await runAgent({ own, client, watches: watch, events });
  await watch.stop();
  return 0;
}
