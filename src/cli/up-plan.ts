import { randomBytes, randomInt } from "node:crypto";
import { load } from "../config/index.ts";
import { K3osError } from "../errors.ts";
import { agentsOf, type Cluster, configOf, type Member, nicsOf, serverOf } from "../vm/cluster.ts";
import { findMachine, type Machine } from "../vm/machine.ts";
import { commandFor } from "../vm/name.ts";
import type { Nic } from "../vm/nics.ts";
import { startCommand } from "./machines.ts";

/** A machine that `up` asks for. */
export interface Planned {
  readonly name: string;
  /** If it runs already: agents may be added to a cluster. */
  readonly running?: Machine;
  readonly config?: string | undefined;
  readonly nics?: readonly Nic[];
  readonly cluster?: Cluster;
}

export interface Plan {
  readonly server: Planned;
  readonly agents: readonly Planned[];
}

export interface Asked {
  readonly name: string;
  readonly agents: number;
  /** The text of config.yaml, and what messages call it. */
  readonly config?: { readonly text: string; readonly path: string } | undefined;
}

/**
 * One machine as it is asked for; or a cluster, whose machines differ in what makes them its members. A machine that
 * was a cluster's server stays one. Throws `usage` where names are taken by something else.
 */
export function planOf({ name, agents, config }: Asked): Plan {
  const existing = findMachine(name);
  if (existing?.record.server !== undefined) {
    throw new K3osError("usage", `The machine "${name}" is an agent of "${existing.record.server}".`, {
      hint: `Start it with its cluster: ${startCommand(existing)}`,
    });
  }
  const cluster = existing?.record.cluster;
  if (agents === 0 && cluster === undefined) return { server: { name, config: config?.text }, agents: [] };
  if (existing?.state === "running" && cluster === undefined) {
    throw new K3osError("usage", `The machine "${name}" runs, and has no wire that agents could join it on.`, {
      hint: `Stop it first, or start the cluster under another name: ./k3os up --agents ${agents} --name NAME`,
    });
  }
  const common = cluster ?? { wire: randomInt(20_000, 60_000), token: randomBytes(16).toString("hex") };
  const own = config === undefined ? {} : load([{ name: config.path, kind: "userdata", text: config.text }]).config;
  const planned = (member: Member): Planned => {
    const found = findMachine(member.name);
    if (member.role === "agent" && found !== undefined && found.record.server !== name) throw takenName(member.name);
    return {
      name: member.name,
      ...(found?.state === "running" && { running: found }),
      config: configOf(member, common, own),
      nics: nicsOf(member, common),
      cluster: common,
    };
  };
  return { server: planned(serverOf(name)), agents: agentsOf(name, agents).map(planned) };
}

function takenName(name: string): K3osError {
  return new K3osError("usage", `There is a machine "${name}" already, which is no agent of this cluster.`, {
    hint: `Remove it: ${commandFor("down", name, "--purge")}. Or start the cluster under another --name.`,
  });
}
