import { K3osError } from "../../errors.ts";
import type { Machine } from "../../kubernetes/machine.ts";
import type { MachineConfig } from "../../kubernetes/machine-config.ts";
import type { MachinePool } from "../../kubernetes/machine-pool.ts";
import type { ObjectList } from "../../kubernetes/meta.ts";
import type { NodeObject } from "../../kubernetes/node.ts";
import { poolsOf } from "../../management/budget.ts";
import type { Cluster, Observed } from "../../management/observed.ts";
import { reasonOf } from "../failure.ts";
import { bodyOf } from "./answer.ts";
import type { ApiClient } from "./client.ts";
import type { EventRecorder } from "./events.ts";
import { type AgentMemory, newest, noteLook } from "./memory.ts";
import type { OwnNode } from "./own-node.ts";
import { readSecrets } from "./secrets.ts";
import { PATHS, pathOf, type Watches } from "./watches.ts";

/** What an agent works with. */
export interface AgentTools {
  readonly own: OwnNode;
  readonly client: ApiClient;
  readonly watches: Watches;
  /** Where it is told what has happened, for people. */
  readonly events?: EventRecorder | undefined;
}

/** Looks at everything that `decide` goes by. Throws `ApiTrouble` if the own Node cannot be read. */
export async function observe({ own, client, watches }: AgentTools, memory: AgentMemory): Promise<Observed> {
  const answer = await client.get<NodeObject>(pathOf("nodes", own.name));
  const node = answer.status === 404 ? undefined : bodyOf(answer);
  const now = own.now();
  noteLook(memory, now);
  const told = [...watches.objects<MachinePool>("pools").values()];
  const pools = told.map((pool) => newest(memory, `pools/${pool.metadata.name}`, pool, now) ?? pool);
  notePools(memory, pools, now);
  const machine = newest(memory, "machine", watches.objects<Machine>("machine").get(own.name), now);
  const local = await own.local();
  const [pool] = node === undefined ? [] : poolsOf(pools, node);
  const clockTrusted = await own.isClockTrusted();
  const configs = [...watches.objects<MachineConfig>("configs").values()];
  const repair = pool?.spec.driftPolicy === "Repair";
  const secrets = await readSecrets(client, memory, configs, node?.metadata.labels, now);
  const config = node && (await own.config.view(configs, node.metadata, machine?.status, repair, secrets));
  return {
    ...{
      now,
      uptime: own.uptime(),
      clockTrusted,
      node,
      machine,
      pools,
      configs,
      local,
      cluster: memory.cluster,
      memory,
    },
    ...(config ?? { wanted: {}, parts: {} }),
    ...(await windowOf(own, pool)),
  };
}

async function windowOf(own: OwnNode, pool: MachinePool | undefined) {
  try {
    return { window: await own.window(pool?.spec.rollout?.windows) };
  } catch (error) {
    if (!(error instanceof K3osError)) throw error;
    return { windowProblem: `spec.rollout.windows: ${reasonOf(error)}` };
  }
}

/** Notes since when each pool's spec is known as it is. */
function notePools(memory: AgentMemory, pools: readonly MachinePool[], now: number): void {
  for (const { metadata } of pools) {
    if (memory.generations.has(metadata.name) && memory.generations.get(metadata.name) === metadata.generation)
      continue;
    memory.generations.set(metadata.name, metadata.generation);
    memory.poolSince[metadata.name] = now;
  }
}

/** Reads all Nodes, Machines and pools, past every cache: a turn that was taken before is in it. */
export async function readCluster({ own, client }: AgentTools): Promise<Cluster> {
  const list = async <T>(path: string) => bodyOf(await client.get<ObjectList<T>>(path)).items;
  const pools = await list<MachinePool>(PATHS.pools);
  const machines = await list<Machine>(PATHS.machines);
  const nodes = await list<NodeObject>(PATHS.nodes);
  return { at: own.now(), nodes, machines, pools };
}
