/** What applying the cluster's layer would do to a node, and what of it may be done. Pure. */
import { type Config, type Facts, type Layer, load } from "../config/index.ts";
import type { Effect, MachineStatus } from "../kubernetes/machine.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import { type Conflict, clusterLayer, layerOf, type RefusedConfig, saidBy } from "./config-layer.ts";
import { changesBetween, exceeds, strongest } from "./effects.ts";
import { type ClusterLayer, type LayerPart, layersOf } from "./layer.ts";
import type { Secrets } from "./secrets.ts";

export interface NodeConfig {
  readonly configs: readonly MachineConfig[];
  /** Of the object Node. */
  readonly labels: Readonly<Record<string, string>>;
  /** The node's own layers, the lowest first. */
  readonly local: readonly Layer[];
  /** The cluster's layer that the node goes by now. */
  readonly applied: ClusterLayer;
  readonly facts: Facts;
  /** Those that the MachineConfigs name. */
  readonly secrets?: Secrets;
}

type PlanEntry = NonNullable<MachineStatus["plan"]>[number];

export interface LayerPlan {
  /** What the MachineConfigs ask for, whether it may be done or not. */
  readonly desired: string;
  /** What may be applied. It is `applied` in all but its sources if nothing is left to do. */
  readonly layer: ClusterLayer;
  /** What applying `layer` does to the node; `undefined` if it changes nothing. */
  readonly effect: Effect | undefined;
  /** What is not done yet, also of MachineConfigs that are paused, or that ask for more than they allow. */
  readonly plan: readonly PlanEntry[];
  readonly conflicts: readonly Conflict[];
  /** MachineConfigs that are not applied, and why. What was applied of them before stays. */
  readonly refused: readonly RefusedConfig[];
}

/** Plans the cluster's layer of a node. */
export function planLayer(node: NodeConfig): LayerPlan {
  const { applied } = node;
  const asked = clusterLayer(node.configs, node.labels, applied, node.secrets);
  const now = configOf(node, applied.parts);
  const wanted = entriesBetween(node, now, asked.layer.parts);
  const exceeding = exceedingConfigs(node.configs, wanted);
  const allowed = asked.layer.parts.flatMap((part) => {
    if (!exceeding.some(({ config }) => config === part.name)) return [part];
    return applied.parts.find(({ name }) => name === part.name) ?? [];
  });
  const due = exceeding.length === 0 ? wanted : entriesBetween(node, now, allowed);
  const held = wanted.filter(({ config }) => exceeding.some((entry) => entry.config === config));
  const previews = asked.paused.flatMap((part) => {
    const before = configOf(node, allowed);
    const others = allowed.filter(({ name }) => name !== part.name);
    const after = configOf(
      node,
      [...others, part].sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    return changesBetween(before, after, node.facts).map((change) => ({ ...change, config: part.name }));
  });
  return {
    desired: asked.layer.revision,
    layer: layerOf(allowed),
    effect: strongest(due.map(({ effect }) => effect)),
    plan: [...due.filter((entry) => !held.some((other) => isSame(entry, other))), ...held, ...previews],
    conflicts: asked.conflicts,
    refused: [...asked.refused, ...exceeding],
  };
}

const isSame = (a: PlanEntry, b: PlanEntry): boolean => a.path === b.path && a.config === b.config;

/** The config of the node with these parts above its own layers. */
function configOf({ local }: NodeConfig, parts: readonly LayerPart[]): Config {
  return load([...local, ...layersOf({ parts })]).config;
}

function entriesBetween(node: NodeConfig, now: Config, parts: readonly LayerPart[]): PlanEntry[] {
  const changes = changesBetween(now, configOf(node, parts), node.facts);
  return changes.map((change) => ({ ...change, config: authorOf(change.path, node.applied.parts, parts) }));
}

/** The MachineConfig that a change comes from: one that is new, has changed, or is gone, and says something there. */
function authorOf(path: string, before: readonly LayerPart[], after: readonly LayerPart[]): string {
  const isIn = (parts: readonly LayerPart[], part: LayerPart) =>
    parts.some(({ name, text }) => name === part.name && text === part.text);
  const fresh = after.filter((part) => !isIn(before, part));
  const gone = before.filter((part) => !isIn(after, part));
  const says = (part: LayerPart) => {
    const [first = "", second] = path.split(".");
    const value = saidBy(part)[first];
    return second === undefined
      ? value !== undefined
      : (value as Readonly<Record<string, unknown>> | undefined)?.[second] !== undefined;
  };
  return [fresh, gone, after].map((parts) => parts.findLast(says)?.name).find((name) => name !== undefined) ?? "";
}

/** Those whose changes do more to the node than they allow, each with a sentence. */
function exceedingConfigs(configs: readonly MachineConfig[], entries: readonly PlanEntry[]): RefusedConfig[] {
  return configs.flatMap(({ metadata: { name }, spec: { atMost = "Reboot" } }) => {
    const worst = entries.filter(({ config, effect }) => config === name && exceeds(effect, atMost));
    const [first] = worst;
    if (first === undefined) return [];
    const needs = worst.map(({ path, effect }) => `${path} needs ${EFFECTS[effect]}`).join(", ");
    return [{ config: name, reason: `${name} allows at most ${EFFECTS[atMost]}, and ${needs}` }];
  });
}

const EFFECTS: Readonly<Record<Effect, string>> = {
  Live: "a live change",
  Restart: "a restart of k3s",
  Reboot: "a restart of the machine",
};
