import type { ObjectMeta, StatusCondition } from "./meta.ts";

/** One node's operating system. Its agent makes it and writes its status; people write its spec. */
export interface Machine {
  readonly apiVersion: "k3os.io/v1alpha1";
  readonly kind: "Machine";
  readonly metadata: ObjectMeta;
  readonly spec?: MachineSpec;
  readonly status?: MachineStatus;
}

export interface MachineSpec {
  /** Nothing is changed on this node as long as it is true. */
  readonly paused?: boolean;
  /** A new time restarts the node once, in its turn. RFC 3339. */
  readonly restartedAt?: string;
  /** A new text forgets what was given up on this node, so that it is tried once more. */
  readonly retry?: string;
}

/** What a change does to a node, the least first. */
export type Effect = "Live" | "Restart" | "Reboot";

export interface MachineStatus {
  readonly observedGeneration?: number;
  /** The pool that selects this node; none if no pool or more than one does. */
  readonly pool?: string;
  /** The generation of that pool which this status is about. The pool is not Ready before all Machines have seen it. */
  readonly poolGeneration?: number;
  /** The image that the pool wants here. */
  readonly target?: { readonly version: string; readonly digest: string };
  readonly image?: {
    readonly version: string;
    readonly digest: string;
    readonly kernel?: string;
    readonly kubernetes?: string;
  };
  readonly slots?: readonly {
    readonly name: string;
    readonly version: string;
    readonly digest: string;
    readonly state: "Running" | "Previous" | "Staged" | "OnTrial" | "Failed";
    readonly message?: string;
    readonly stage?: string;
    readonly at?: string;
  }[];
  readonly boot?: {
    readonly at: string;
    readonly tookSeconds?: number;
    /** From the stop of its services to Ready, at the last upgrade. */
    readonly downtimeSeconds?: number;
  };
  readonly config?: {
    /** The revision of the cluster's layer that is applied, `sha256:<hex>`; empty if there is none. */
    readonly revision: string;
    /** The revision that MachineConfigs ask for now. */
    readonly desired: string;
    /** The column CONFIG: `Conflict` if there are any, else whether `revision` is `desired`. */
    readonly state?: "Current" | "Pending" | "Conflict";
    readonly layers: readonly { readonly name: string; readonly generation: number }[];
    /** Keys that two MachineConfigs set to different values: the later one counts. */
    readonly conflicts?: readonly { readonly path: string; readonly configs: readonly string[] }[];
    /** MachineConfigs that are not taken over, and why. What was applied of them before stays. */
    readonly refused?: readonly { readonly name: string; readonly reason: string }[];
  };
  /** What is not done yet, also of paused MachineConfigs; without values. */
  readonly plan?: readonly { readonly path: string; readonly effect: Effect; readonly config: string }[];
  /** What differs from the config although it was applied. */
  readonly drift?: readonly { readonly kind: string; readonly path: string; readonly since: string }[];
  readonly conditions?: readonly StatusCondition[];
}

/** Why a Machine is Ready, or is not: the words that people learn. */
export type MachineReason =
  | "UpToDate"
  | "Staging"
  | "Staged"
  | "WaitingForTurn"
  | "WaitingForWindow"
  | "WaitingForApproval"
  | "WaitingForImage"
  | "Draining"
  | "Restarting"
  | "OnTrial"
  | "Applying"
  | "Returned"
  | "Failed"
  | "Paused"
  | "PoolConflict";
