/** Who writes the status of a pool, or of a MachineConfig, and when. Pure. */
import { conditionIn, isTrue } from "../kubernetes/condition.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import type { MachinePool, MachinePoolStatus } from "../kubernetes/machine-pool.ts";
import { isReady, type NodeObject } from "../kubernetes/node.ts";
import { nodesOf } from "./budget.ts";
import { machineConfigStatus } from "./config-status.ts";
import { fresh, PER_RANK } from "./fresh.ts";
import type { Cluster, Observed, Summarised } from "./observed.ts";
import { poolStatus } from "./status.ts";

/** A pool that is not Ready is looked at this often; less and less where that changes nothing, as when it is paused. */
const EVERY = [30_000, 600_000] as const;
/** Where a node has come to an end, its agent says so at once. */
const ENDS = ["UpToDate", "Returned", "Failed"];

export type Summary =
  | { readonly kind: "ReadCluster" }
  /** `status` is undefined if it is as it should be. */
  | { readonly kind: "WritePoolStatus"; readonly pool: MachinePool; readonly status: MachinePoolStatus | undefined }
  | {
      readonly kind: "WriteConfigStatus";
      readonly config: MachineConfig;
      /** What this agent's own Machine says of it. */
      readonly word: string;
      readonly status: MachineConfig["status"] | undefined;
    };

/**
 * The summary of a pool that this agent should see to now. All agents of a pool can write it; whoever has changed
 * something does, and otherwise the first in the order of names that is Ready, and the next one some seconds later if
 * that did not. That of a pool without Nodes is up to all.
 */
export function dueSummary(observed: Observed): Summary | undefined {
  const { now, cluster, pools, clockTrusted, memory } = observed;
  for (const watched of pools) {
    const at = dueAt(observed, watched);
    if (at === undefined || at > now) continue;
    if (cluster === undefined || !fresh(observed)) return { kind: "ReadCluster" };
    const pool = cluster.pools.find(({ metadata }) => metadata.name === watched.metadata.name);
    if (pool === undefined) continue;
    const setback = memory.setbacks.ResolveTarget;
    const failure = setback?.key === pool.metadata.name ? setback : undefined;
    return { kind: "WritePoolStatus", pool, status: poolStatus(pool, cluster, { now, clockTrusted, failure }) };
  }
  for (const config of observed.configs) {
    const at = configDueAt(observed, config);
    if (at === undefined || at > now) continue;
    if (cluster === undefined || !fresh(observed)) return { kind: "ReadCluster" };
    const status = machineConfigStatus(config, cluster, now);
    return { kind: "WriteConfigStatus", config, word: wordOf(observed, config), status };
  }
  return undefined;
}

/** When the next summary is due, of any pool; `undefined` if none is. */
export function nextSummary(observed: Observed): number | undefined {
  const pools = observed.pools.flatMap((pool) => dueAt(observed, pool) ?? []);
  const times = [...pools, ...observed.configs.flatMap((config) => configDueAt(observed, config) ?? [])];
  return times.length === 0 ? undefined : Math.min(...times);
}

function dueAt({ node, cluster, memory, now }: Observed, pool: MachinePool): number | undefined {
  const { name, generation } = pool.metadata;
  const last = memory.summarised[name];
  if (node === undefined) return undefined;
  if (last === undefined || cluster === undefined) return now;
  const part = partOf(node, cluster, pool);
  if (part === undefined) return undefined;
  const { mine, delay } = part;
  const times: number[] = [];
  const since = memory.poolSince[name] ?? now;
  const isSeen = pool.status?.observedGeneration === generation;
  if (!isSeen && last.at < since + delay) times.push(since + delay);
  const { state } = memory;
  if (mine && state !== undefined && state.word !== last.word) {
    times.push(state.since + (ENDS.includes(state.word.split(" ")[0] ?? "") ? 0 : delay));
  }
  if (!isSeen || !isTrue(pool, "Ready")) times.push(last.at + pauseAfter(last) + delay);
  return times.length === 0 ? undefined : Math.min(...times);
}

interface Part {
  /** Whether the own Node is selected. */
  readonly mine: boolean;
  /** How long others have, who come before it. */
  readonly delay: number;
}

/** The part of an agent in summing up what a pool or a MachineConfig selects; `undefined` if it has none. */
function partOf(node: NodeObject, { nodes }: Cluster, selecting: Parameters<typeof nodesOf>[0]): Part | undefined {
  const members = nodesOf(selecting, nodes);
  const mine = nodesOf(selecting, [node]).length > 0;
  if (!mine && members.length > 0) return undefined;
  return { mine, delay: PER_RANK * rankOf(node, mine ? members : nodes) };
}

function pauseAfter({ unchanged }: Summarised): number {
  return Math.min(EVERY[0] * 2 ** unchanged, EVERY[1]);
}

/** How the own Machine is in a MachineConfig's words; it is told before a summary is written. */
function wordOf({ machine }: Observed, { metadata }: MachineConfig): string {
  const layer = machine?.status?.config?.layers.find(({ name }) => name === metadata.name);
  const isStalled = machine !== undefined && conditionIn(machine, "Stalled") !== undefined;
  return `${layer?.generation} ${isStalled}`;
}

/** As that of a pool: whoever has changed something writes it, and otherwise one after the other. */
function configDueAt(observed: Observed, config: MachineConfig): number | undefined {
  const { node, cluster, memory, now } = observed;
  const { name, generation } = config.metadata;
  const last = memory.summarised[configKey(name)];
  if (node === undefined) return undefined;
  if (last === undefined || cluster === undefined) return now;
  const part = partOf(node, cluster, config);
  if (part === undefined) return undefined;
  if (part.mine && last.word !== wordOf(observed, config)) return now;
  const isSettled = isTrue(config, "Ready") || conditionIn(config, "Ready")?.reason === "Paused";
  if (isSettled && config.status?.observedGeneration === generation) return undefined;
  return last.at + pauseAfter(last) + part.delay;
}

/** In `memory.summarised`, where no pool has a slash in its name. */
export const configKey = (name: string): string => `machineconfigs/${name}`;

/** The place of a Node among those that are Ready, by their names. */
export function rankOf(node: NodeObject, nodes: readonly NodeObject[]): number {
  return nodes.filter((other) => isReady(other) && other.metadata.name < node.metadata.name).length;
}
