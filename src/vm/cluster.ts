/** Machines of this workstation that are one cluster: a server, and agents. Pure. */
import { type Config, toYaml } from "../config/index.ts";
import { K3osError } from "../errors.ts";
import type { Nic } from "./nics.ts";

/** What the machines of a cluster have in common. Saved with its server. */
export interface Cluster {
  /** The wire that their second network cards are on. */
  readonly wire: number;
  /** What agents join with. */
  readonly token: string;
}

/** A machine of a cluster. */
export interface Member {
  readonly name: string;
  readonly role: "server" | "agent";
  /** Tells the cluster's machines apart; the server has 1. At most 254. */
  readonly number: number;
}

/** The agents of the server of this name. */
export function agentsOf(server: string, count: number): readonly Member[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${server}-agent-${index + 1}`,
    role: "agent",
    number: index + 2,
  }));
}

/** The place of an agent of that name among those of its server, from 1 on. */
export const agentNumber = (name: string): number => Number(/-agent-(\d+)$/.exec(name)?.[1] ?? 1);

export const serverOf = (name: string): Member => ({ name, role: "server", number: 1 });

const addressOf = (number: number) => `10.5.0.${number}`;

/** Two cards: the workstation reaches the first one, the other machines the second one. */
export function nicsOf({ number }: Pick<Member, "number">, { wire }: Pick<Cluster, "wire">): readonly Nic[] {
  const [mac, wireMac] = macsOf(number);
  return [{ mac }, { mac: wireMac, wire }];
}

function macsOf(number: number): readonly [string, string] {
  const last = number.toString(16).padStart(2, "0");
  return [`52:54:00:05:00:${last}`, `52:54:00:05:01:${last}`];
}

/**
 * The text of a member's config.yaml: `own`, which all of them share, and what makes it a member. `k3os.k3s_args` are
 * the server's alone. Throws `usage` if `own` has what cannot be shared.
 */
export function configOf({ role, number }: Member, { token }: Cluster, own: Config = {}): string {
  refuseUnshared(own);
  const [outside, inside] = macsOf(number);
  const { k3s_args = [], ...k3os } = own.k3os ?? {};
  // An agent refuses most of a server's flags. What nodes share has keys of its own.
  const flags = role === "server" ? k3s_args : [];
  return toYaml({
    ...own,
    k3os: {
      ...k3os,
      token,
      ...(role === "agent" && { server_url: `https://${addressOf(1)}:6443` }),
      k3s_args: [role, `--node-ip=${addressOf(number)}`, ...flags],
      network: {
        ethernets: {
          outside: { match: { macaddress: outside }, dhcp4: true },
          inside: { match: { macaddress: inside }, addresses: [`${addressOf(number)}/24`] },
        },
      },
    },
  });
}

function refuseUnshared({ hostname, k3os = {} }: Config): void {
  const { network, server_url, token, k3s_args = [] } = k3os;
  const found =
    (hostname !== undefined && "hostname") ||
    (network !== undefined && "k3os.network") ||
    (server_url !== undefined && "k3os.server_url") ||
    (token !== undefined && "k3os.token") ||
    refusedArgument(k3s_args);
  if (!found) return;
  throw new K3osError("usage", `The config has ${found}, and with --agents all machines share one config.`, {
    hint: "Take it out: each machine gets its own from the command.",
  });
}

/** The first argument that is one machine's own, without its value, which may be a secret. */
function refusedArgument(args: readonly string[]): string | false {
  const name = args.map((arg) => OF_ONE.exec(arg)?.[1]).find((found) => found !== undefined);
  return name !== undefined && `${name} in k3os.k3s_args`;
}

/** What the command says itself in k3s's arguments. */
const OF_ONE = /^(server|agent|--?(?:token|token-file|t|server|s|node-name|node-ip|i))(?=[=\s]|$)/;
