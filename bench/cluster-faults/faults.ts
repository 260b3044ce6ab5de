/** What happens to a cluster of three servers, and what comes of it. */
import { nodes } from "../../src/vm/kubernetes.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { fetchKubeconfig, waitReady } from "../../src/vm/ready.ts";
import { sleep } from "../../src/vm/wait.ts";
import { breakWire, type Fault, mendWire } from "../../src/vm/wire.ts";
import { awaited, type BenchCluster, type ClusterOptions, settled } from "../cluster.ts";
import { kubectl } from "../on-machine.ts";
import { endsOf, gone, processesOf, restartsOf } from "./processes.ts";
import { allWroteAt, longestSilence, lost, type Writer } from "./writes.ts";

export const SERVERS = 3;

export interface Case {
  /** What the table calls it. */
  readonly title: string;
  /** A fault of the wire, which is mended after a while; or the power is cut, and comes back. */
  readonly fault: Fault | { readonly kind: "power" };
  /** The servers that it happens to at once, in turns, by their index. */
  readonly turns: readonly (readonly number[])[];
}

const all = [[0, 1, 2]];

/** All of them, by the names that the command line knows. */
export const CASES = {
  cut: { title: "the wire of one is cut, of each in turn", fault: { kind: "cut" }, turns: [[0], [1], [2]] },
  "delay-100": { title: "100 ms more each way, on all", fault: { kind: "delay", milliseconds: 100 }, turns: all },
  "delay-300": { title: "300 ms more each way, on all", fault: { kind: "delay", milliseconds: 300 }, turns: all },
  "loss-5": { title: "5 % of packets are lost, on all", fault: { kind: "loss", percent: 5 }, turns: all },
  "power-one": { title: "the power of one is cut", fault: { kind: "power" }, turns: [[0]] },
  "power-all": { title: "the power of all is cut", fault: { kind: "power" }, turns: all },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;

export interface Outcome {
  /** The longest time without a write by any server, from the fault on until it was over, in seconds. */
  readonly withoutWrite: number;
  /** From the end of the fault until each server took a write again, in seconds. */
  readonly untilAllWrite: number;
  /** Writes that were acknowledged, and those of them that a server does not have afterwards. */
  readonly writes: number;
  readonly lost: number;
  /** Processes of k3s that ended, on machines whose power stayed on, and restarts of k3s since the others had it. */
  readonly restarts: number;
  /** If there were any, what each server says of them. */
  readonly ends: readonly string[];
}

export interface Conditions extends Pick<ClusterOptions, "timeoutMs" | "signal" | "update"> {
  readonly cluster: BenchCluster;
  readonly writer: Writer;
  /** How long a fault of the wire lasts, and how long a machine stays off while others run. */
  readonly lastingMs: number;
}

/** Lets it happen, waits until all is well again, and compares. The worst of its turns counts. */
export async function run({ title, fault, turns }: Case, conditions: Conditions): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const turn of turns) {
    conditions.update(turns.length > 1 ? `${title}: ${turn.map((server) => server + 1).join(", ")}` : title);
    const hit = turn.flatMap((server) => conditions.cluster.servers[server] ?? []);
    outcomes.push(await suffer(hit, fault, conditions));
  }
  type Count = Exclude<keyof Outcome, "ends">;
  const worst = (key: Count) => Math.max(...outcomes.map((outcome) => outcome[key]));
  const sum = (key: Count) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  return {
    ...{ withoutWrite: worst("withoutWrite"), untilAllWrite: worst("untilAllWrite") },
    ...{ writes: sum("writes"), lost: worst("lost"), restarts: sum("restarts") },
    ends: outcomes.flatMap(({ ends }) => ends),
  };
}

async function suffer(hit: readonly Machine[], fault: Case["fault"], conditions: Conditions): Promise<Outcome> {
  const { cluster, writer, lastingMs, signal } = conditions;
  const { servers } = cluster;
  const stayed = fault.kind === "power" ? servers.filter((server) => !hit.includes(server)) : servers;
  const processes = await Promise.all(stayed.map(processesOf));
  const { length } = writer.acknowledged;
  const begun = performance.now();
  if (fault.kind === "power") await settled(hit.map((machine) => machine.stop({ graceMs: 0 })));
  else await settled(hit.map((machine) => breakWire(machine, fault)));
  if (stayed.length > 0) await sleep(lastingMs, signal);
  const ended = performance.now();
  if (fault.kind === "power") await settled(hit.map((machine) => cluster.again(machine)));
  else await settled(hit.map((machine) => mendWire(machine, fault)));
  const wrote = await awaited(
    "A write by each server",
    async () => allWroteAt(writer.acknowledged, SERVERS, ended),
    conditions,
  );
  // The cluster takes a machine for Ready for a while after its power was cut.
  if (fault.kind === "power") await settled(hit.map((machine) => waitReady(machine, conditions)));
  await allReady(servers, conditions);
  const withoutWrite = longestSilence(writer.acknowledged, begun, wrote);
  const now = await Promise.all(stayed.map(processesOf));
  const restarted = fault.kind === "power" ? await Promise.all(hit.map(restartsOf)) : [];
  const missing = await missingAfter(servers, writer);
  const restarts = gone(processes, now) + restarted.reduce((sum, count) => sum + count, 0);
  return {
    ...{ withoutWrite, untilAllWrite: (wrote - ended) / 1000, lost: missing.length },
    ...{ writes: writer.acknowledged.length - length, restarts },
    ends: restarts > 0 ? await settled(servers.map(endsOf)) : [],
  };
}

/** Waits until every server says that all servers are Ready. */
async function allReady(servers: readonly Machine[], conditions: Conditions): Promise<void> {
  const isWell = async (server: Machine) => {
    const config = await fetchKubeconfig(server, conditions.signal);
    const { ports } = server.record;
    const { signal } = conditions;
    const found = config === undefined ? [] : await nodes(ports.api, config, { fromCache: false, signal });
    return servers.every(({ node }) => found?.find(({ name }) => name === node)?.ready);
  };
  await awaited(
    "A cluster whose servers are all Ready",
    async () => (await Promise.all(servers.map(isWell))).every(Boolean) || undefined,
    conditions,
  );
}

/** What was acknowledged and is missing on some server. */
async function missingAfter(servers: readonly Machine[], { acknowledged }: Writer): Promise<readonly string[]> {
  const writes = [...acknowledged];
  const missing = await Promise.all(
    servers.map(async (server) => {
      const names = await kubectl(server, ["get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}"]);
      return lost(writes, new Set(names.split(" ")));
    }),
  );
  return [...new Set(missing.flat())];
}
