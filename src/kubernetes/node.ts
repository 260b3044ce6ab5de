import type { ObjectMeta } from "./meta.ts";

/** A node as the API describes it: the parts of the object `Node` that k3OS reads. */
export interface NodeObject {
  readonly metadata: Partial<ObjectMeta> & { readonly name: string };
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    /** `bootID` is that of the kernel under the kubelet that wrote the status. */
    readonly nodeInfo?: { readonly kubeletVersion?: string; readonly bootID?: string };
  };
}

/** A pod as the API describes it, likewise. */
export interface PodObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}

/** A condition of an object. `Unknown` also stands for a condition that nobody has set. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly message?: string;
}

/**
 * The condition that says whether a node takes pods, or a pod takes requests. This is what "Ready" means everywhere in
 * k3OS.
 */
export function readyCondition({ status }: NodeObject | PodObject): Condition {
  const unset = { type: "Ready", status: "Unknown" } as const;
  return status?.conditions?.find(({ type }) => type === "Ready") ?? unset;
}

export function isReady(object: NodeObject | PodObject): boolean {
  return readyCondition(object).status === "True";
}

/** Whether a pod has ended for good, so that nobody waits for it any more. */
export function isFinished({ status }: Pick<PodObject, "status">): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** What pods of the first namespace run as. It is made after the first Node is Ready; before that, no pod is taken. */
export const DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default";
