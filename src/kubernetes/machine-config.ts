import type { Effect } from "./machine.ts";
import type { LabelSelector, ObjectMeta, StatusCondition } from "./meta.ts";

/** The namespace of the Secrets that MachineConfigs name. Every node may read each of them by its name. */
export const SECRETS_NAMESPACE = "k3os-system";

/** A value that stands in a Secret. */
export interface SecretValue {
  /** Where it belongs in `config`, such as `k3os.registries.configs["registry.example.com"].auth.password`. */
  readonly path: string;
  readonly secretKeyRef: { readonly name: string; readonly key: string };
}

/** A layer of config.yaml for the nodes that it selects. Applied in the order of names; maps are merged by key. */
export interface MachineConfig {
  readonly apiVersion: "k3os.io/v1alpha1";
  readonly kind: "MachineConfig";
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly nodeSelector?: LabelSelector;
    /** Nothing of it is applied; each Machine shows what it would do. */
    readonly paused?: boolean;
    /** What this may do to a node at most; more makes it Stalled. `Reboot` by default. */
    readonly atMost?: Effect;
    /** config.yaml, with canonical keys. */
    readonly config?: Readonly<Record<string, unknown>>;
    /** Values of `config` that stand in Secrets. */
    readonly secrets?: readonly SecretValue[];
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly selected?: number;
    readonly applied?: number;
    readonly conditions?: readonly StatusCondition[];
  };
}
