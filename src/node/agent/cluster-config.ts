import { nodeLabels } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { MachineStatus } from "../../kubernetes/machine.ts";
import type { MachineConfig } from "../../kubernetes/machine-config.ts";
import type { ObjectMeta } from "../../kubernetes/meta.ts";
import { isoTime } from "../../kubernetes/time.ts";
import { type Difference, driftSince } from "../../management/drift.ts";
import type { ClusterLayer } from "../../management/layer.ts";
import type { LayerPlan } from "../../management/layer-plan.ts";
import { type LabelPatch, labelPatch } from "../../management/node-labels.ts";
import type { WantedConfig } from "../../management/observed.ts";
import { readFacts } from "../facts.ts";
import { ownLayers } from "../layer-files.ts";
import { isTrial } from "../slots/trial.ts";
import {
  appliedLayer,
  applyLive,
  applyWithRestart,
  configWith,
  planConfigs,
  stageConfigTrial,
  wantedLayer,
} from "./config.ts";
import { observeDrift } from "./drift.ts";

/** What MachineConfigs ask of a node, and how far that is done. */
export interface ConfigView {
  /** What is not applied yet; `undefined` if nothing is left to do. */
  readonly wanted: WantedConfig | undefined;
  /** What the Machine tells of it. */
  readonly parts: Pick<MachineStatus, "config" | "plan" | "drift">;
  /** What the object Node has to be told of labels. */
  readonly labels: LabelPatch | undefined;
}

/** Between two looks for drift. */
const DRIFT_EVERY_MS = 600_000;

/** Differences that applying the config does not end. */
const BY_HAND: readonly string[] = ["KernelArgument", "Service", "Config"];

export interface ClusterConfig {
  /** `machine` is the status as it was last told. `repair`: drift that can be repaired live is a reason to apply. */
  view(
    configs: readonly MachineConfig[],
    node: ObjectMeta,
    machine: MachineStatus | undefined,
    repair: boolean,
  ): Promise<ConfigView>;
  /**
   * Applies the layer that the last view has asked for; throws if it is another one. Steps that fail are in the node's
   * report.
   */
  apply(revision: string, effect: "Live" | "Restart" | "Reboot"): Promise<void>;
}

/**
 * The cluster's part of this node's config. Planning costs a fraction of a second, so a plan is kept while it holds.
 */
export function clusterConfig(host: Host): ClusterConfig {
  let known: { readonly mark: string; readonly planned: LayerPlan } | undefined;
  let drift: { readonly at: number; readonly found: readonly Difference[] } | undefined;
  const plan = (configs: readonly MachineConfig[], labels: Readonly<Record<string, string>>): LayerPlan => {
    const mark = markOf(host, configs, labels);
    if (known?.mark !== mark) known = { mark, planned: planConfigs(host, configs, labels) };
    return known.planned;
  };

  return {
    async view(configs, node, machine, repair) {
      const applied = appliedLayer(host);
      const labels = labelPatch(node, nodeLabels(configWith(host, applied), readFacts(host)));
      const planned = plan(configs, node.labels ?? {});
      if (!isTrial(host) && (drift === undefined || host.monotonic() - drift.at >= DRIFT_EVERY_MS)) {
        drift = { at: host.monotonic(), found: await observeDrift(host) };
      }
      const wanted =
        (await wantedOf(host, planned)) ??
        (repair && drift?.found.some(({ kind }) => !BY_HAND.includes(kind)) ? repairOf(applied) : undefined);
      return { wanted, parts: partsOf(planned, applied, drift?.found ?? [], machine, isoTime(host.now())), labels };
    },

    async apply(revision, effect) {
      const layer = layerOf(known?.planned, appliedLayer(host), revision);
      // Drift is looked at anew once this is done.
      drift = undefined;
      if (effect === "Reboot") {
        await stageConfigTrial(host, layer);
        return;
      }
      if (effect === "Live") await applyLive(host, layer);
      // That it was given up is remembered on the disk, and so seen by the next look.
      else await applyWithRestart(host, layer);
    },
  };
}

/** Whatever a plan depends on. */
function markOf(host: Host, configs: readonly MachineConfig[], labels: Readonly<Record<string, string>>): string {
  const asked = configs.map(({ metadata: { name, uid, generation } }) => [name, uid, generation]);
  return JSON.stringify([
    asked,
    labels,
    appliedLayer(host),
    ownLayers(host),
    host.stat("/run/k3os/cluster-on-trial.json"),
  ]);
}

async function wantedOf(host: Host, planned: LayerPlan): Promise<WantedConfig | undefined> {
  const wanted = await wantedLayer(host, planned);
  const [first] = planned.refused;
  if (wanted !== undefined || first === undefined) return wanted;
  return { revision: planned.desired, effect: "Live", refused: `MachineConfig ${first.config}: ${first.reason}` };
}

const repairOf = ({ revision }: ClusterLayer): WantedConfig => ({ revision, effect: "Live" });

function layerOf(planned: LayerPlan | undefined, applied: ClusterLayer, revision: string): ClusterLayer {
  if (planned?.layer.revision === revision) return planned.layer;
  if (applied.revision === revision) return applied;
  throw new K3osError("busy", "MachineConfigs ask for something else by now");
}

function partsOf(
  { desired, plan, conflicts }: LayerPlan,
  { revision, parts }: ClusterLayer,
  found: readonly Difference[],
  machine: MachineStatus | undefined,
  time: string,
): ConfigView["parts"] {
  const state = conflicts.length > 0 ? "Conflict" : revision === desired ? "Current" : "Pending";
  return {
    config: {
      ...{ revision, desired, state, conflicts },
      layers: parts.map(({ name, generation }) => ({ name, generation })),
    },
    plan,
    drift: driftSince(machine?.drift ?? [], found, time),
  };
}
