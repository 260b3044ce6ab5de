import type { Host } from "../../host/host.ts";
import { runAgent } from "../agent/agent.ts";
import type { ApiClient } from "../agent/client.ts";
import { curlClient, REQUEST_LIMITS } from "../agent/curl-client.ts";
import { eventRecorder } from "../agent/events.ts";
import { ensureApi } from "../agent/install.ts";
import { ownNode } from "../agent/own-node.ts";
import { awaitSettled } from "../agent/settled.ts";
import { watchResources } from "../agent/watch.ts";
import { PATHS } from "../agent/watches.ts";
import { reasonOf } from "../failure.ts";
import { adminAccess, kubeletAccess } from "../health/api.ts";
import { logToKernel } from "../kernel-log.ts";
import { parseArguments } from "./arguments.ts";

/** A server tries again after this to make the API know what an agent needs; doubled each time, to ten minutes. */
const AGAIN_MS = [20_000, 600_000] as const;
/** A slow server takes this long to check the largest definition; it ends a request itself before. */
const DEFINITION_S = 90;

/**
 * `k3os agent`, a service: keeps this node as Machines, pools and configs of the cluster want it. Ends when the machine
 * is about to stop.
 */
export async function agentCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  if (adminAccess(host) !== undefined)
    await defineApi(
      host,
      curlClient(host, () => adminAccess(host), { ...REQUEST_LIMITS, requestSeconds: DEFINITION_S }),
    );
  const credentials = () => kubeletAccess(host);
  const client = curlClient(host, credentials);
  const own = ownNode(host);
  const watch = watchResources(host, client, credentials, {
    machine: { path: PATHS.machines, query: `fieldSelector=${encodeURIComponent(`metadata.name=${own.name}`)}` },
    pools: { path: PATHS.pools },
    configs: { path: PATHS.configs },
  });
  await runAgent({ own, client, watches: watch, events: eventRecorder(host, client, own.name) });
  await watch.stop();
  return 0;
}

/** Makes the API know Machines, pools and configs. Until it does, the agents of all nodes wait for that. */
async function defineApi(host: Host, admin: ApiClient): Promise<void> {
  let said = "";
  for (let pause: number = AGAIN_MS[0]; ; pause = Math.min(2 * pause, AGAIN_MS[1])) {
    try {
      await ensureApi(admin, host, () => awaitSettled(admin, host));
      return;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== said) logToKernel(host, `agent: the API does not take its definitions: ${reason}`);
      said = reason;
    }
    // Checking a definition keeps a slow server busy for a minute, even if it then runs out of time.
    await host.sleep(pause);
  }
}
