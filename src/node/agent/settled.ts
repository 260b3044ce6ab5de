import type { Host } from "../../host/host.ts";
import type { ObjectList } from "../../kubernetes/meta.ts";
import { DEFAULT_ACCOUNT, isFinished, isReady, type NodeObject, type PodObject } from "../../kubernetes/node.ts";
import type { ApiClient } from "./client.ts";
import { PATHS } from "./watches.ts";

const PODS = "/api/v1/pods";
const LOOK_EVERY_MS = 5000;
/** A pod may never get Ready. */
const AT_MOST_MS = 180_000;

/**
 * Waits until a cluster that starts has done what it begins with: its first namespace takes pods, a Node is Ready, and
 * so is every pod, in two looks one after the other. At most three minutes.
 */
export async function awaitSettled(client: ApiClient, host: Pick<Host, "sleep">): Promise<void> {
  let before = false;
  for (let waited = 0; waited < AT_MOST_MS; waited += LOOK_EVERY_MS) {
    const now = await isSettled(client);
    if (before && now) return;
    before = now;
    await host.sleep(LOOK_EVERY_MS);
  }
}

async function isSettled(client: ApiClient): Promise<boolean> {
  const account = await client.get(DEFAULT_ACCOUNT);
  if (account.status !== 200) return false;
  const nodes = await client.get<ObjectList<NodeObject>>(PATHS.nodes);
  if (nodes.body?.items?.some(isReady) !== true) return false;
  const pods = await client.get<ObjectList<PodObject>>(PODS);
  return pods.body?.items?.every((pod) => isReady(pod) || isFinished(pod)) ?? false;
}
