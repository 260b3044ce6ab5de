/** Agents that join a cluster at once. */
import { K3osError } from "../../src/errors.ts";
import type { Member } from "../../src/vm/cluster.ts";
import { nodes } from "../../src/vm/kubernetes.ts";
import { guardBoot } from "../../src/vm/userland.ts";
import { awaited, type BenchCluster, type ClusterOptions } from "../cluster.ts";
import { gone, processesOf, restartsOf } from "./processes.ts";
import { longestSilence, type Writer } from "./writes.ts";

export interface Joined {
  /** Seconds from power-on until the first, half, and all of them were Ready. */
  readonly first: number;
  readonly half: number;
  readonly all: number;
  /** The longest time without a write by any server meanwhile, in seconds. */
  readonly withoutWrite: number;
  /** Processes of k3s that ended on the servers meanwhile, and restarts of k3s on the agents. */
  readonly restarts: number;
}

/** Switches them on at once, and waits until all are Ready. One that does not boot is an error. */
export async function joinAtOnce(
  members: readonly Member[],
  { servers, start }: BenchCluster,
  writer: Writer,
  conditions: Pick<ClusterOptions, "timeoutMs" | "signal" | "update">,
): Promise<Joined> {
  const { signal, update } = conditions;
  const processes = await Promise.all(servers.map(processesOf));
  const begun = performance.now();
  const agents = await start(members);
  let failure: unknown;
  const over = new AbortController();
  const guarded = AbortSignal.any([signal, over.signal]);
  for (const agent of agents) guardBoot(agent, { signal: guarded }).catch((error: unknown) => (failure ??= error));
  const [server] = servers;
  const readyAt: number[] = [];
  try {
    await awaited(
      `The last of ${agents.length} agents`,
      async () => {
        if (failure !== undefined) throw failure;
        const off = agents.find(({ state }) => state !== "running");
        if (off !== undefined) throw new K3osError("machine", `${off.name} is off before it has joined.`);
        const found = await nodes(server.record.ports.api, server.kubeconfig() ?? "", { fromCache: false, signal });
        const ready = found?.filter((node) => node.ready && agents.some((agent) => agent.node === node.name)) ?? [];
        while (readyAt.length < ready.length) readyAt.push((performance.now() - begun) / 1000);
        update(`${readyAt.length} of ${agents.length} agents`);
        return readyAt.length === agents.length || undefined;
      },
      conditions,
    );
  } finally {
    over.abort();
  }
  const withoutWrite = longestSilence(writer.acknowledged, begun, performance.now());
  const ended = gone(processes, await Promise.all(servers.map(processesOf)));
  const restarts = await Promise.all(agents.map(restartsOf));
  const at = (index: number) => readyAt[index] ?? Number.NaN;
  return {
    ...{ first: at(0), half: at(Math.ceil(agents.length / 2) - 1), all: at(agents.length - 1), withoutWrite },
    restarts: restarts.reduce((sum, count) => sum + count, ended),
  };
}
