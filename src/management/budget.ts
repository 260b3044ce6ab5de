/** Who may be disrupted: the budget of a pool, and the servers' majority. Pure. */
import { conditionIn } from "../kubernetes/condition.ts";
import type { Machine } from "../kubernetes/machine.ts";
import type { MachinePool, Turn } from "../kubernetes/machine-pool.ts";
import type { LabelSelector } from "../kubernetes/meta.ts";
import { isReady, type NodeObject } from "../kubernetes/node.ts";
import { selects } from "../kubernetes/selector.ts";
import type { Cluster } from "./observed.ts";
import { digestsOf } from "./target.ts";

/** The version of the rules that this agent takes turns by. */
export const PROTOCOL = 1;

export const isServer = ({ metadata }: NodeObject) =>
  metadata.labels?.["node-role.kubernetes.io/control-plane"] !== undefined;
const isEtcd = ({ metadata }: NodeObject) => metadata.labels?.["node-role.kubernetes.io/etcd"] !== undefined;

/** The Nodes that a pool or a MachineConfig selects. */
export function nodesOf({ spec }: Selecting, nodes: readonly NodeObject[]): readonly NodeObject[] {
  return nodes.filter(({ metadata }) => selects(spec.nodeSelector, metadata.labels));
}

/** The pools that select a Node. */
export function poolsOf(pools: readonly MachinePool[], { metadata }: NodeObject): readonly MachinePool[] {
  return pools.filter(({ spec }) => selects(spec.nodeSelector, metadata.labels));
}

interface Selecting {
  readonly spec: { readonly nodeSelector?: LabelSelector };
}

/** The turns of Nodes that exist. That of a Node which was deleted, or made anew, counts no more. */
export function turnsOf({ status }: MachinePool, nodes: readonly NodeObject[]): readonly Turn[] {
  return (status?.turns ?? []).filter(({ machine, uid }) =>
    nodes.some(({ metadata }) => metadata.name === machine && metadata.uid === uid),
  );
}

/** Whether a Node takes pods now. */
export const isAvailable = (node: NodeObject) => isReady(node) && node.spec?.unschedulable !== true;

/** How many of `count` Nodes a pool lets be unavailable: at least one. */
export function maxUnavailable({ spec }: MachinePool, count: number): number {
  const limit = spec.rollout?.maxUnavailable ?? 1;
  const number =
    typeof limit === "number"
      ? limit
      : /^\d+%$/.test(limit)
        ? (count * Number.parseInt(limit, 10)) / 100
        : Number(limit);
  return Math.max(1, Math.floor(Number.isNaN(number) ? 1 : number));
}

/**
 * How many of these servers may be away. Members of etcd need a majority, so two have none to spare. Without etcd, two
 * servers share a database that is elsewhere.
 */
export function spareServers(servers: readonly NodeObject[]): number {
  const members = servers.filter(isEtcd);
  const count = members.length > 0 ? members.length : servers.length;
  const spare = Math.floor((count - 1) / 2);
  return count === 1 || (count === 2 && members.length === 0) ? 1 : spare;
}

/** The turn of a Node in a pool; `undefined` if it has none. */
export function turnOf({ status }: MachinePool, { metadata }: NodeObject): Turn | undefined {
  return status?.turns?.find(({ machine, uid }) => machine === metadata.name && uid === metadata.uid);
}

export interface Blocked {
  /** Why this Node must wait, as one sentence without a full stop. */
  readonly message: string;
  /**
   * Whether only turns are in the way that were taken at the same moment, by Nodes that come after this one: they give
   * them back.
   */
  readonly yields: boolean;
}

/**
 * Why a Node of this pool must not be disrupted now; `undefined` if it may. `node` itself never counts. `cluster` must
 * have been read after this Node's own turn was taken, if it has one: of two that take turns in different pools at the
 * same moment, the one that reads last sees the other's.
 */
export function blocked(node: NodeObject, pool: MachinePool, cluster: Cluster): Blocked | undefined {
  const me = node.metadata.name;
  const turns = cluster.pools.flatMap((other) => turnsOf(other, cluster.nodes)).filter(({ machine }) => machine !== me);
  const future = turns.find(({ protocol }) => protocol > PROTOCOL);
  if (future !== undefined) {
    return { message: `${future.machine} takes turns by newer rules than this agent knows`, yields: false };
  }
  const members = nodesOf(pool, cluster.nodes);
  const limits = [
    { nodes: members, max: maxUnavailable(pool, members.length), what: `of the pool ${pool.metadata.name}` },
  ];
  if (isServer(node)) {
    const servers = cluster.nodes.filter(isServer);
    limits.push({ nodes: servers, max: spareServers(servers), what: "of the servers" });
  }
  for (const { nodes, max, what } of limits) {
    const holds = (name: string) => turns.some(({ machine }) => machine === name);
    const away = nodes.filter(
      (other) => other.metadata.name !== me && (!isAvailable(other) || holds(other.metadata.name)),
    );
    if (away.length < max) continue;
    const yielding = away.filter((other) => isAvailable(other) && other.metadata.name > me);
    const names = away.map((other) => describe(other, holds(other.metadata.name))).join(", ");
    const message =
      max === 0
        ? `two members of etcd have no majority to spare`
        : `at most ${max} ${what} may be unavailable: ${names}`;
    return { message, yields: away.length - yielding.length < max };
  }
  return undefined;
}

function describe(node: NodeObject, hasTurn: boolean): string {
  const { name } = node.metadata;
  if (hasTurn) return `${name} has its turn`;
  return isReady(node) ? `${name} is cordoned` : `${name} is not Ready`;
}

/** Whether a Machine was given up that the pool wants to change; its agent says so, in the words of its conditions. */
export function hasFailed({ status = {} }: Machine, { status: pool }: MachinePool): boolean {
  const digests = pool?.target === undefined ? [] : digestsOf(pool.target);
  // A Node in two pools is left out; it is no reason to stop the others.
  const stalled = (status.conditions ?? []).some(
    ({ type, status: is, reason }) => type === "Stalled" && is === "True" && reason !== "PoolConflict",
  );
  // What it says of another target does not count any more.
  const own = status.target?.digest;
  if (own !== undefined && digests.length > 0 && !digests.includes(own)) return false;
  // Where its kind has no image, it waits for one, and what it tried by hand is of another kind. An older agent has
  // written no kinds.
  const wanted = digests.filter((digest) => (own === undefined ? !pool?.target?.images : digest === own));
  return stalled || (status.slots ?? []).some(({ state, digest }) => state === "Failed" && wanted.includes(digest));
}

export interface Stall {
  readonly reason: "MachineFailed" | "MachineLost";
  readonly message: string;
}

/** Why nobody in this pool may take a turn until somebody does something about it; `undefined` if nothing is wrong. */
export function stallOf(
  pool: MachinePool,
  { nodes, machines }: Pick<Cluster, "nodes" | "machines">,
  now: number,
): Stall | undefined {
  const names = new Set(nodesOf(pool, nodes).map(({ metadata }) => metadata.name));
  const failed = machines.find((machine) => names.has(machine.metadata.name) && hasFailed(machine, pool));
  if (failed !== undefined) {
    const said = conditionIn(failed, "Stalled")?.message;
    return { reason: "MachineFailed", message: `${failed.metadata.name}: ${said ?? "it was given up"}` };
  }
  const lost = turnsOf(pool, nodes).find(({ deadline }) => Date.parse(deadline) < now);
  if (lost === undefined) return undefined;
  const message = `${lost.machine} has not come back from its turn by ${lost.deadline}`;
  return { reason: "MachineLost", message: `${message}; delete its Node if it never will` };
}
