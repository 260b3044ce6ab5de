/** Machines of this workstation that are one cluster: servers, and agents. Pure. */
import { type Config, toYaml } from "../config/index.ts";
import { K3osError } from "../errors.ts";
import type { Nic } from "./nics.ts";

/** What the machines of a cluster have in common. Saved with each. */
export interface Cluster {
  /** The wire that their second network cards are on. */
  readonly wire: number;
  /** What they join with. */
  readonly token: string;
  /** How many servers it began with. With one, it stores in SQLite, and no other can join. */
  readonly servers: number;
}

/** A machine of a cluster. */
export interface Member {
  readonly name: string;
  readonly role: "server" | "agent";
  /** Tells the cluster's machines apart; the first server has 1. At most 254. */
  readonly number: number;
}

/** Servers have the numbers below. */
const FIRST_AGENT = 10;
export const MOST_SERVERS = FIRST_AGENT - 1;

/** The servers of a cluster; the first one has its name. */
export function serversOf(cluster: string, count: number): readonly [Member, ...Member[]] {
  const others = Array.from({ length: Math.max(0, count - 1) }, (_, index) => index + 2).map(
    (number): Member => ({ name: `${cluster}-server-${number}`, role: "server", number }),
  );
  return [{ name: cluster, role: "server", number: 1 }, ...others];
}

/** The agents of a cluster. */
export function agentsOf(cluster: string, count: number): readonly Member[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${cluster}-agent-${index + 1}`,
    role: "agent",
    number: FIRST_AGENT + index,
  }));
}

/** The option of `up` that starts a member of that name, besides the first server. */
export function optionFor(name: string): string {
  const [, role = "agent", number = "1"] = /-(agent|server)-(\d+)$/.exec(name) ?? [];
  return `--${role}s ${number}`;
}

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
 * the servers' alone. `via` is the number of the server that it joins; a server without one begins the cluster. Throws
 * `usage` if `own` has what cannot be shared.
 */
export function configOf({ role, number }: Member, cluster: Cluster, own: Config = {}, via?: number): string {
  refuseUnshared(own);
  const [outside, inside] = macsOf(number);
  const { k3s_args = [], ...k3os } = own.k3os ?? {};
  // An agent refuses most of a server's flags. What nodes share has keys of its own.
  const flags = role === "server" ? [...howToBegin(cluster, via), ...k3s_args] : [];
  return toYaml({
    ...own,
    k3os: {
      ...k3os,
      token: cluster.token,
      ...(role === "agent" && { server_url: urlOf(via ?? 1) }),
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

const urlOf = (number: number) => `https://${addressOf(number)}:6443`;

function howToBegin({ servers }: Cluster, via: number | undefined): string[] {
  if (via !== undefined) return [`--server=${urlOf(via)}`];
  return servers > 1 ? ["--cluster-init"] : [];
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
  throw new K3osError("usage", `The config has ${found}, and all machines of a cluster share one config.`, {
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
