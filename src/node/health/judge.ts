/** What was observed of a node, and what follows from it. Pure. */
import { type Condition, readyCondition } from "../../kubernetes/node.ts";
import { isCrashLoop } from "../../kubernetes/service.ts";

/** What shows without the API. */
export interface LocalObservation {
  readonly k3s: { readonly started: boolean; readonly restarts: number };
  /** Whether the kubelet says that it is healthy. */
  readonly kubelet: boolean;
  /** `absent`: k3s has no containerd of its own, or has not started it yet. */
  readonly containerd: "answers" | "silent" | "absent";
}

/** What the API says. */
export type ApiObservation =
  /** `node` is `undefined` as long as the cluster does not have this node. */
  | { readonly answers: true; readonly node: Condition | undefined }
  /** `reason` says what happened to the request. `refused`: the API is there, and does not take this node for one. */
  | { readonly answers: false; readonly reason: string; readonly refused: boolean };

export interface Observation extends LocalObservation {
  readonly api: ApiObservation;
}

export interface Check {
  readonly name: "k3s" | "containerd" | "kubelet" | "api" | "node";
  readonly good: boolean;
  /** A clause that says what was found. */
  readonly message: string;
}

export interface Verdict {
  readonly good: boolean;
  /** What is bad first, in the order in which a node comes up. */
  readonly reason: string;
}

/** The checks of what needs no API, in the order in which a node comes up. */
export function localChecks({ k3s, containerd, kubelet }: LocalObservation): readonly Check[] {
  const { started, restarts } = k3s;
  const again = restarts === 1 ? "once" : `${restarts} times`;
  return [
    !started
      ? { name: "k3s", good: false, message: "k3s is not started" }
      : isCrashLoop(restarts) && !kubelet
        ? { name: "k3s", good: false, message: `k3s ended again and again, ${again} so far` }
        : { name: "k3s", good: true, message: restarts > 0 ? `k3s runs, and ended ${again}` : "k3s runs" },
    // A kubelet whose runtime is the user's own is healthy without this one.
    containerd === "silent" || (containerd === "absent" && !kubelet)
      ? { name: "containerd", good: false, message: "containerd does not answer" }
      : { name: "containerd", good: true, message: containerd === "absent" ? "no containerd" : "containerd answers" },
    kubelet
      ? { name: "kubelet", good: true, message: "the kubelet is healthy" }
      : { name: "kubelet", good: false, message: "the kubelet does not report itself healthy" },
  ];
}

/** The checks of what the API says. */
export function apiChecks(api: ApiObservation): readonly Check[] {
  if (!api.answers) {
    const what = api.refused ? "the API refuses this node" : "the API does not answer";
    return [{ name: "api", good: false, message: `${what}: ${api.reason}` }];
  }
  return [{ name: "api", good: true, message: "the API answers" }, nodeCheck(api.node)];
}

function nodeCheck(node: Condition | undefined): Check {
  if (node === undefined) return { name: "node", good: false, message: "the cluster does not have this node yet" };
  if (node.status === "True") return { name: "node", good: true, message: "the node is Ready" };
  const why = node.message ? `: ${node.message}` : "";
  return { name: "node", good: false, message: `the node is not Ready${why}` };
}

/** Good if all checks are. */
export function judge(checks: readonly Check[]): Verdict {
  const bad = checks.find(({ good }) => !good);
  return bad === undefined ? { good: true, reason: "Ready" } : { good: false, reason: bad.message };
}

/** Whether the API is away: on an agent, its server may be the reason. */
export function isAway(api: ApiObservation | undefined): boolean {
  return api !== undefined && !api.answers && !api.refused;
}

/** The condition Ready in the body of an answer that holds a node. */
export function conditionIn(body: string): Condition {
  return readyCondition(JSON.parse(body));
}
