/** Machines that are one cluster, for a measurement. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltImage } from "../src/build/index.ts";
import { freeWire, newToken } from "../src/cli/starting/plan.ts";
import type { Config } from "../src/config/index.ts";
import { K3osError } from "../src/errors.ts";
import { type Cluster, configOf, type Member, nicsOf, serversOf } from "../src/vm/cluster.ts";
import type { Machine } from "../src/vm/machine.ts";
import { fetchKubeconfig, waitJoined, waitReady } from "../src/vm/ready.ts";
import { type ImageStartOptions, startOf } from "../src/vm/throw-away.ts";
import { poll } from "../src/vm/wait.ts";

export interface ClusterOptions {
  /** The name of the cluster, and of its first server. */
  readonly name: string;
  readonly servers: number;
  readonly image: BuiltImage;
  /** The config of a member, without what makes it one. */
  readonly own: (member: Member) => Config;
  /** What a member is made of; by default what `startOf` takes. A server's disk is what it comes back with. */
  readonly hardware: (member: Member) => Pick<ImageStartOptions, "boot" | "disk" | "memoryMiB" | "cpus">;
  /** How long each step may take. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly update: (text: string) => void;
}

/** A cluster whose servers are Ready. */
export interface BenchCluster {
  readonly servers: readonly [Machine, ...Machine[]];
  /** Switches machines on, all at once, which join the first server. They need not be Ready yet. */
  start(members: readonly Member[]): Promise<readonly Machine[]>;
  /** `start`, and waits until they are Ready. */
  join(members: readonly Member[]): Promise<readonly Machine[]>;
  /** Switches a machine on again, as it was and at the same ports of this host. */
  again(machine: Machine): Promise<void>;
}

/** Starts the servers, and hands the cluster to `work`. All machines are gone afterwards. */
export async function withCluster<T>(options: ClusterOptions, work: (cluster: BenchCluster) => Promise<T>): Promise<T> {
  const { image, timeoutMs, signal, update } = options;
  const home = mkdtempSync(join(tmpdir(), "k3os-bench-"));
  const cluster: Cluster = { wire: freeWire(), token: newToken(), servers: options.servers };
  const started = new Map<string, { readonly machine: Machine; readonly how: ImageStartOptions }>();
  const [first, ...others] = serversOf(options.name, options.servers);
  const powerOn = async (member: Member): Promise<Machine> => {
    const via = member === first ? undefined : first.number;
    const how: ImageStartOptions = {
      ...{ name: member.name, home, nics: nicsOf(member, cluster), cluster, signal },
      ...options.hardware(member),
      config: configOf(member, cluster, options.own(member), via),
      ...(member !== first && { server: first.name }),
    };
    const machine = await startOf(image, how);
    started.set(member.name, { machine, how });
    return machine;
  };
  // All of them have started or failed before anything is stopped.
  const start: BenchCluster["start"] = (members) => settled(members.map(powerOn));
  try {
    update("the first server");
    const server = await powerOn(first);
    await waitReady(server, { timeoutMs, signal });
    const join: BenchCluster["join"] = async (members) => {
      update(members.map(({ name }) => name).join(", "));
      const machines = await start(members);
      await Promise.all(machines.map((machine) => waitJoined(machine, server, { timeoutMs, signal })));
      return machines;
    };
    const again: BenchCluster["again"] = async ({ name, record }) => {
      const how = started.get(name)?.how;
      if (how === undefined) throw new Error(`${name} is no machine of this cluster`);
      await startOf(image, { ...how, ports: record.ports });
    };
    // Two at a time: emulated machines that start together are slower than one after the other.
    const otherServers = await join(others);
    await Promise.all(otherServers.map((other) => fetchKubeconfig(other, signal)));
    return await work({ servers: [server, ...otherServers], start, join, again });
  } finally {
    try {
      await settled([...started.values()].map(({ machine }) => machine.stop({ graceMs: 0 })));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }
}

/** `Promise.all`, but a failure is thrown only once all have ended. */
export async function settled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Waits until `look` finds something; `what` is said when it did not come. */
export async function awaited<T>(
  what: string,
  look: () => Promise<T | undefined>,
  { timeoutMs, signal }: Pick<ClusterOptions, "timeoutMs" | "signal">,
): Promise<T> {
  const found = await poll(look, { timeoutMs, everyMs: 2000, signal });
  if (found !== undefined) return found;
  throw new K3osError("machine", `${what} did not come within ${timeoutMs / 1000} s.`);
}
