import { nodeLabels } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { Effect, MachineStatus } from "../../kubernetes/machine.ts";
import type { MachineConfig } from "../../kubernetes/machine-config.ts";
import type { ObjectMeta } from "../../kubernetes/meta.ts";
import { isoTime } from "../../kubernetes/time.ts";
import { type Difference, driftSince } from "../../management/drift.ts";
import type { ClusterLayer } from "../../management/layer.ts";
import type { LayerPlan } from "../../management/layer-plan.ts";
import { labelPatch } from "../../management/node-labels.ts";
import type { Wanted, WantedConfig } from "../../management/observed.ts";
import { NO_SECRETS, type Secrets } from "../../management/secrets.ts";
import { readFacts } from "../facts.ts";
import { ownLayers } from "../layer-files.ts";
import { isTrial } from "../slots/trial.ts";
import {
  appliedLayer,
  applyLive,
  applyWithRestart,
  configWith,
  layerOnTrial,
  planConfigs,
  stageConfigTrial,
  wantedLayer,
} from "./config.ts";
import { observeDrift } from "./drift.ts";

/** What MachineConfigs ask of a node, and how far that is done. */
export interface ConfigView {
  readonly wanted: Wanted;
  /** What the Machine tells of it. */
  readonly parts: Pick<MachineStatus, "config" | "plan" | "drift">;
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
    secrets?: Secrets,
  ): Promise<ConfigView>;
  /**
   * Applies the layer that the last view has asked for; throws if it is another one. Steps that fail are in the node's
   * report.
   */
  apply(revision: string, effect: Effect): Promise<void>;
}

/** What follows from the files of the node and from MachineConfigs, as long as they are the same. */
interface Known {
  readonly mark: string;
  readonly applied: ClusterLayer;
  readonly planned: LayerPlan;
  /** The labels that the applied config gives the Node. */
  readonly labels: Readonly<Record<string, string>>;
  readonly deadline: string | undefined;
}

/**
 * The cluster's part of this node's config. Reading the config takes a fraction of a second, so what follows is kept.
 */
export function clusterConfig(host: Host): ClusterConfig {
  let known: Known | undefined;
  let drift: { readonly at: number; readonly found: readonly Difference[] } | undefined;
  const knownFor = (
    configs: readonly MachineConfig[],
    nodeLabelsNow: Readonly<Record<string, string>>,
    secrets: Secrets,
  ): Known => {
    const applied = appliedLayer(host);
    const asked = configs.map(({ metadata: { name, uid, generation } }) => [name, uid, generation]);
    const mark = JSON.stringify([asked, [...secrets], nodeLabelsNow, applied, ownLayers(host), layerOnTrial(host)]);
    if (known?.mark !== mark) {
      const config = configWith(host, applied);
      const labels = nodeLabels(config, readFacts(host));
      const { deadline } = config.k3os?.upgrade ?? {};
      known = { mark, applied, labels, deadline, planned: planConfigs(host, configs, nodeLabelsNow, secrets) };
    }
    return known;
  };

  return {
    async view(configs, node, machine, repair, secrets = NO_SECRETS) {
      const { applied, planned, labels, deadline } = knownFor(configs, node.labels ?? {}, secrets);
      if (!isTrial(host) && (drift === undefined || host.monotonic() - drift.at >= DRIFT_EVERY_MS)) {
        drift = { at: host.monotonic(), found: await observeDrift(host) };
      }
      const { found = [] } = drift ?? {};
      const isRepairable = repair && found.some(({ kind }) => !BY_HAND.includes(kind));
      // Applying what is applied already repairs.
      const again: WantedConfig | undefined = isRepairable ? { revision: applied.revision, effect: "Live" } : undefined;
      return {
        wanted: { config: (await wantedOf(host, planned)) ?? again, labels: labelPatch(node, labels), deadline },
        parts: partsOf(planned, applied, found, machine, isoTime(host.now())),
      };
    },

    async apply(revision, effect) {
      const layer = [known?.planned.layer, known?.applied].find((one) => one?.revision === revision);
      if (layer === undefined) throw new K3osError("busy", "MachineConfigs ask for something else by now");
      // Drift is looked at anew once this is done.
      drift = undefined;
      // That it was given up is remembered on the disk, and so seen by the next look.
      await { Live: applyLive, Restart: applyWithRestart, Reboot: stageConfigTrial }[effect](host, layer);
    },
  };
}

async function wantedOf(host: Host, planned: LayerPlan): Promise<WantedConfig | undefined> {
  const wanted = await wantedLayer(host, planned);
  const first = planned.refused.find(({ paused }) => !paused);
  if (wanted !== undefined || first === undefined) return wanted;
  return { revision: planned.desired, effect: "Live", refused: `MachineConfig ${first.config}: ${first.reason}` };
}

function partsOf(
  { desired, plan, conflicts, refused }: LayerPlan,
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
      refused: refused.map(({ config, reason }) => ({ name: config, reason })),
    },
    plan,
    drift: driftSince(machine?.drift ?? [], found, time),
  };
}
