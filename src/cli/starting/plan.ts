import { randomBytes, randomInt } from "node:crypto";
import { load } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import { agentsOf, type Cluster, configOf, type FromFile, type Member, nicsOf, serversOf } from "../../vm/cluster.ts";
import { findMachine, type Machine } from "../../vm/machine.ts";
import { commandFor } from "../../vm/name.ts";
import type { Nic } from "../../vm/nics.ts";
import { startCommand } from "../machines.ts";

/** What a machine is made of. */
export interface Hardware {
  readonly memoryMiB: number;
  readonly cpus: number;
  /** A disk of its own, of so many MiB or as it is; in memory if not given. */
  readonly disk?: true | number | undefined;
}

/** A machine that `up` asks for. */
export interface Planned {
  readonly name: string;
  readonly hardware: Hardware;
  /** If it runs already: agents may be added to a cluster. */
  readonly running?: Machine;
  readonly config?: string | undefined;
  readonly nics?: readonly Nic[];
  readonly cluster?: Cluster;
  readonly from?: FromFile;
}

export interface Plan {
  /** The first server, or the only machine. */
  readonly server: Planned;
  readonly otherServers: readonly Planned[];
  readonly agents: readonly Planned[];
}

export const machinesIn = ({ server, otherServers, agents }: Plan): readonly Planned[] => [
  server,
  ...otherServers,
  ...agents,
];

export interface Asked {
  readonly name: string;
  /** As many as before, or one, if not given. */
  readonly servers?: number | undefined;
  readonly agents: number;
  /** Of each machine. */
  readonly hardware: Hardware;
  /** The text of config.yaml, and what messages call it. */
  readonly config?: { readonly text: string; readonly path: string } | undefined;
}

/**
 * One machine as it is asked for; or a cluster, whose machines differ in what makes them its members. A machine that
 * was a cluster's server stays one. Throws `usage` where names are taken by something else.
 */
export function planOf({ name, servers, agents, hardware, config }: Asked): Plan {
  const existing = findMachine(name);
  const owner = existing?.record.from?.cluster ?? existing?.record.server;
  if (existing !== undefined && owner !== undefined) {
    throw new K3osError("usage", `The machine "${name}" belongs to the cluster "${owner}".`, {
      hint: `Start it with its cluster: ${startCommand(existing)}`,
    });
  }
  const before = existing?.record.cluster;
  const count = servers ?? before?.servers ?? 1;
  if (count === 1 && agents === 0 && before === undefined)
    return { server: { name, hardware, config: config?.text }, otherServers: [], agents: [] };
  const isOn = existing?.state === "running";
  if (isOn && before === undefined) {
    throw new K3osError("usage", `The machine "${name}" runs, and has no wire that others could join it on.`, {
      hint: "Stop it first, or start the cluster under another --name.",
    });
  }
  if (before?.servers === 1 && count > 1) {
    throw aloneInSqlite(
      name,
      `Begin anew: ${commandFor("down", name, "--purge")}, or start another cluster under another --name.`,
    );
  }
  const common = before ?? { wire: freeWire(), token: newToken(), servers: count };
  const own = config === undefined ? {} : load([{ name: config.path, kind: "userdata", text: config.text }]).config;
  const [first, ...others] = serversOf(name, count);
  // A server that comes back without a disk joins one that has stayed.
  const stayed = others.find((other) => findMachine(other.name)?.state === "running")?.number;
  const planned = (member: Member, via?: number): Planned => {
    const found = findMachine(member.name);
    if (member !== first && found !== undefined && (found.record.server !== name || found.record.from))
      throw takenName(member.name);
    return {
      name: member.name,
      hardware,
      ...(found?.state === "running" && { running: found }),
      config: configOf(member, common, own, via),
      nics: nicsOf(member, common),
      cluster: common,
    };
  };
  return {
    server: planned(first, isOn ? undefined : stayed),
    otherServers: others.map((other) => planned(other, isOn || stayed === undefined ? 1 : stayed)),
    agents: agentsOf(name, agents).map((agent) => planned(agent)),
  };
}

/** Why a cluster that began with one server gets no second one. */
export const aloneInSqlite = (cluster: string, hint: string): K3osError =>
  new K3osError("usage", `The cluster "${cluster}" has one server, which stores in SQLite.`, { hint });

/** What machines of a new cluster are on. */
export const freeWire = (): number => randomInt(20_000, 60_000);

export const newToken = (): string => randomBytes(16).toString("hex");

/** `other` is how the cluster gets other names. */
export function takenName(name: string, other = "start the cluster under another --name"): K3osError {
  return new K3osError("usage", `There is a machine "${name}" already, which is none of this cluster.`, {
    hint: `Remove it: ${commandFor("down", name, "--purge")}. Or ${other}.`,
  });
}
