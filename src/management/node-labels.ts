/** The labels of a running node, which follow its config. Pure. */
import type { ObjectMeta } from "../kubernetes/meta.ts";

/** On the Node: the keys of labels that the config has set, so that they go when the config has them no more. */
export const LABELS = "k3os.io/labels";

export interface LabelPatch {
  readonly metadata: {
    /** `null` removes a label. */
    readonly labels: Readonly<Record<string, string | null>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
}

/**
 * The JSON merge patch for the object Node; `undefined` if it is as the config says. `wanted` is `nodeLabels` of the
 * config, in which no label is that Kubernetes keeps a kubelet from setting. A label that somebody else has set and the
 * config does not name stays. Taints cannot be changed with a kubelet's credential: those of the config count for new
 * nodes only.
 */
export function labelPatch(node: ObjectMeta, wanted: Readonly<Record<string, string>>): LabelPatch | undefined {
  const { labels = {}, annotations = {} } = node;
  const noted = annotations[LABELS] ?? "";
  const gone = noted
    .split(",")
    .filter((key) => key !== "" && !Object.hasOwn(wanted, key) && Object.hasOwn(labels, key));
  const changed = Object.entries(wanted).filter(([key, value]) => labels[key] !== value);
  const note = Object.keys(wanted).sort().join(",");
  if (gone.length === 0 && changed.length === 0 && noted === note) return undefined;
  return {
    metadata: {
      labels: { ...Object.fromEntries(changed), ...Object.fromEntries(gone.map((key) => [key, null] as const)) },
      annotations: { [LABELS]: note },
    },
  };
}
