/** Test support: clusters in which agents take turns, and what must hold after every step. */
import type { MachinePool, MachinePoolSpec } from "../../kubernetes/machine-pool.ts";
import type { NodeObject } from "../../kubernetes/node.ts";
import { maxUnavailable, nodesOf, spareServers } from "../../management/budget.ts";
import { CORDONED } from "../../management/decision.ts";
import { type NodeSpec, type SimulatedApi, type SimulatedNode, type World, world } from "./testing.ts";
import { PATHS, pathOf } from "./watches.ts";

/** Mulberry32: the same numbers for the same seed. */
export function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const isServer = { key: "node-role.kubernetes.io/control-plane", operator: "Exists" } as const;
export const SERVERS: MachinePoolSpec = { nodeSelector: { matchExpressions: [isServer] } };
export const AGENTS: MachinePoolSpec = {
  nodeSelector: { matchExpressions: [{ ...isServer, operator: "DoesNotExist" }] },
};

export function cluster(
  servers: number,
  agents: number,
  random: () => number,
  makeApi?: (now: () => number) => SimulatedApi,
): World {
  const skew = () => Math.round((random() - 0.5) * 240_000);
  const names = (prefix: string, count: number, server: boolean) =>
    Array.from({ length: count }, (_, index): NodeSpec => {
      const labels = { zone: index % 2 === 0 ? "a" : "b" };
      return { name: `${prefix}-${index + 1}`, server, labels, skew: skew() };
    });
  return world([...names("server", servers, true), ...names("agent", agents, false)], random, makeApi);
}

export function addPool({ api }: World, name: string, spec: MachinePoolSpec): void {
  api.put(pathOf("pools", name), { apiVersion: "k3os.io/v1alpha1", kind: "MachinePool", metadata: { name }, spec });
}

export const poolIn = ({ api }: World, name: string) => api.read<MachinePool>(pathOf("pools", name));
export const conditionOf = (pool: MachinePool, type: string) =>
  pool.status?.conditions?.find((one) => one.type === type);

/** Away by the doing of an agent. */
function isDisrupted(simulation: World, node: SimulatedNode): boolean {
  const { metadata } = simulation.api.read<NodeObject>(pathOf("nodes", node.name));
  return !node.running || metadata.annotations?.[CORDONED] !== undefined || node.note.work?.stopping === true;
}

/** Checks after every step that no budget is exceeded by what agents do. `away`: nodes that are away without them. */
export function guard(simulation: World, pools: readonly string[], away: readonly string[] = []) {
  let seen = "";
  return () => {
    const states = simulation.nodes.map(({ running, note }) => `${running}${note.work?.stopping}`);
    const state = `${simulation.api.writes.length} ${states}`;
    if (state === seen) return;
    seen = state;
    const nodes = simulation.api.list<NodeObject>(PATHS.nodes);
    const out = new Set([
      ...away,
      ...simulation.nodes.filter((node) => isDisrupted(simulation, node)).map(({ name }) => name),
    ]);
    const servers = simulation.nodes.filter(({ server }) => server).map(({ name }) => name);
    const serversOut = servers.filter((name) => out.has(name));
    const spare = spareServers(nodes.filter(({ metadata }) => servers.includes(metadata.name)));
    if (serversOut.length > Math.max(spare, away.length)) throw new Error(`no majority: ${serversOut}`);
    for (const name of pools) {
      const pool = poolIn(simulation, name);
      const members = nodesOf(pool, nodes).map(({ metadata }) => metadata.name);
      const count = members.filter((member) => out.has(member)).length;
      if (count > maxUnavailable(pool, members.length)) {
        throw new Error(`${name}: ${members.filter((member) => out.has(member))} are away`);
      }
    }
  };
}

export const isDone = (simulation: World, ...pools: readonly string[]) =>
  pools.every((name) => {
    const pool = poolIn(simulation, name);
    const { status, metadata } = pool;
    const isCurrent = status?.observedGeneration === metadata.generation;
    return isCurrent && conditionOf(pool, "Ready")?.status === "True" && (status?.turns ?? []).length === 0;
  });
