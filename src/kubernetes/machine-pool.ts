import type { LabelSelector, ObjectMeta, StatusCondition } from "./meta.ts";

/** Nodes that run one image, and how many of them may be disrupted at once, by whatever change. */
export interface MachinePool {
  readonly apiVersion: "k3os.io/v1alpha1";
  readonly kind: "MachinePool";
  readonly metadata: ObjectMeta;
  readonly spec: MachinePoolSpec;
  readonly status?: MachinePoolStatus;
}

export interface MachinePoolSpec {
  /** Labels of Nodes. A Node in two pools is changed by neither. */
  readonly nodeSelector?: LabelSelector;
  /** Without it, versions are left alone. */
  readonly image?: {
    readonly version?: string;
    readonly channel?: string;
    /** As `k3os.upgrade.source`, which is the default. */
    readonly source?: string;
    readonly allowDowngrade?: boolean;
  };
  readonly paused?: boolean;
  /** `Manual`: no image is activated before `approved` is a digest in `status.target`, of whichever of its images. */
  readonly approval?: "Automatic" | "Manual";
  readonly approved?: string;
  /** A new time restarts the nodes one after the other. RFC 3339. */
  readonly restartedAt?: string;
  /** A new text forgets what was given up. */
  readonly retry?: string;
  /** What becomes of a node that differs from its config: told only, or repaired where no restart is needed. */
  readonly driftPolicy?: "Report" | "Repair";
  readonly rollout?: {
    /** A number, or a percentage of the pool such as `25%`; at least one node. 1 by default. */
    readonly maxUnavailable?: number | string;
    /** Pools that must be Ready at their target first, for as long as `soak` (such as `24h`). */
    readonly after?: readonly { readonly pool: string; readonly soak?: string }[];
    readonly windows?: readonly {
      readonly days?: readonly string[];
      readonly start: string;
      readonly duration: string;
      readonly timeZone?: string;
    }[];
    /** `Auto`: not where nothing else could take the pods. `timeout` is 10m by default. */
    readonly drain?: { readonly mode?: "Auto" | "Always" | "Never"; readonly timeout?: string };
  };
  /** As `k3os.upgrade` in config.yaml; what is here counts instead. */
  readonly trial?: {
    readonly deadline?: string;
    readonly stableFor?: string;
    /** Beside those of the config. One of the same name counts instead. */
    readonly checks?: readonly PoolCheck[];
  };
}

/** Pods of the node on trial that must be Ready, at least one; without labels, all of the namespace. */
export interface PoolCheck {
  readonly name: string;
  readonly pods: { readonly namespace: string; readonly matchLabels?: Readonly<Record<string, string>> };
}

/** One node's permission to be disrupted. */
export interface Turn {
  readonly machine: string;
  /** Of the Node. */
  readonly uid: string;
  readonly since: string;
  /** After this, a turn that was not given back stalls the pool. Nobody takes it away. */
  readonly deadline: string;
  readonly reason: "Image" | "Config" | "Restart";
  /** The version of these rules. An agent that sees a higher one waits. */
  readonly protocol: number;
}

export interface MachinePoolStatus {
  readonly observedGeneration?: number;
  /** What `spec.image` stands for, resolved once from the signed index. */
  readonly target?: {
    readonly version: string;
    readonly digest: string;
    /**
     * The image of that version for each kind of machine, without `flavour` if it is for every node of its processor. A
     * node takes that of its own kind, and waits if there is none. `digest` is one of them.
     */
    readonly images?: readonly {
      readonly architecture: string;
      readonly flavour?: string;
      readonly digest: string;
    }[];
    /** The version of Kubernetes in it, such as `v1.37.3`, if the index tells. */
    readonly kubernetes?: string;
    /** Those of `spec.image` that it was looked up for. */
    readonly channel?: string;
    readonly source?: string;
    readonly resolvedAt: string;
  };
  readonly machines?: number;
  readonly updated?: number;
  readonly unavailable?: number;
  readonly failed?: number;
  readonly turns?: readonly Turn[];
  readonly conditions?: readonly StatusCondition[];
}
