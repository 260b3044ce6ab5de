import type { ObjectMeta } from "../../kubernetes/meta.ts";
import { isFinished } from "../../kubernetes/node.ts";
import { bodyOf } from "./answer.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";
import { podsOn } from "./watches.ts";

/** A pod as the API describes it: what decides whether it leaves a node that is drained. */
interface Pod {
  readonly metadata: ObjectMeta;
  readonly status?: { readonly phase?: string };
}

/** What the API says to an eviction that it refuses. */
interface Refusal {
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/**
 * Asks once for the eviction of every pod that has to leave a Node, as its kubelet may. PodDisruptionBudgets are the
 * server's business: what it refuses is asked for again by the next pass. Returns the pods that are still there, with
 * what hinders them, as one sentence; `undefined` if none is.
 */
export async function drainOnce(client: ApiClient, node: string): Promise<string | undefined> {
  const { items } = bodyOf(await client.get<{ readonly items: readonly Pod[] }>(podsOn(node)));
  const left: string[] = [];
  for (const { metadata } of items.filter(mustLeave)) {
    const { name, namespace = "default", deletionTimestamp } = metadata;
    const why = deletionTimestamp === undefined ? await evict(client, namespace, name) : "it is ending";
    if (why !== undefined) left.push(`${namespace}/${name} (${why})`);
  }
  if (left.length === 0) return undefined;
  const more = left.length > 3 ? ` and ${left.length - 3} more` : "";
  return `still there: ${left.slice(0, 3).join(", ")}${more}`;
}

/**
 * Pods that another Node can run instead. Those of a file and of a DaemonSet belong here, and a pod without a
 * controller would be gone for good; these end and start again with the node.
 */
function mustLeave(pod: Pod): boolean {
  const { metadata } = pod;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const isMirror = metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
  return owner !== undefined && owner.kind !== "DaemonSet" && !isMirror && !isFinished(pod);
}

/** Why a pod is still there; `undefined` if it is gone. */
async function evict(client: ApiClient, namespace: string, name: string): Promise<string | undefined> {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
  const answer = await client.post<Refusal>(`/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body);
  if (answer.status === 404) return undefined;
  if (answer.status >= 200 && answer.status < 300) return "it is ending";
  return whyRefused(answer);
}

/** Names the budget: `The disruption budget web needs 1 healthy pods and has 1 currently`. */
function whyRefused({ status, body, reason }: ApiAnswer<Refusal>): string {
  const cause = body?.details?.causes?.find((one) => one.reason === "DisruptionBudget")?.message ?? body?.message ?? "";
  const budget = /disruption budget (\S+)/.exec(cause)?.[1];
  if (status === 429 && budget !== undefined) return `PodDisruptionBudget ${budget}`;
  if (status === 429) return cause || "its PodDisruptionBudget";
  return reason || cause || `the API says ${status}`;
}
