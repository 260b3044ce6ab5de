/** Machines of this workstation that are one cluster: servers, and agents. Pure. */
import { asMember, machineIn, membershipIn, type Role, urlOf } from "../cluster/member.ts";
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

/** Where a machine comes from that a cluster file (`src/cluster`) describes. Saved with it. */
export interface FromFile {
  /** The file, as an absolute path. */
  readonly path: string;
  /** The name of the cluster in it. */
  readonly cluster: string;
  readonly node: string;
  readonly role: Role;
  /** See `Member`. */
  readonly number: number;
  /** What the file said of the node's config when the machine was started, as YAML, and of its disk. */
  readonly config: string;
  readonly diskMiB?: number;
}

/** A machine of a cluster. */
export interface Member {
  readonly name: string;
  readonly role: Role;
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

/** The addresses of the machines on their wire. */
export const WIRE_NETWORK = "10.5.0.0/24";
const addressOf = (number: number) => `10.5.0.${number}`;

/** The index of the card that is on the wire. */
export const WIRE_CARD = 1;

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
export function configOf(member: Member, cluster: Cluster, own: Config = {}, via?: number): string {
  refuseUnshared(own);
  const { k3s_args = [], ...k3os } = own.k3os ?? {};
  // An agent refuses most of a server's flags. What nodes share has keys of its own.
  const mine = member.role === "server" ? { ...k3os, k3s_args } : k3os;
  return memberConfig(member, cluster, { ...own, k3os: mine }, via);
}

/** `configOf` with a config that is the member's own. The wire takes the place of its `k3os.network`. */
export function memberConfig(
  { role, number }: Pick<Member, "role" | "number">,
  { token, servers }: Pick<Cluster, "token" | "servers">,
  own: Config,
  via?: number,
): string {
  const [outside, inside] = macsOf(number);
  const server = via ?? (role === "agent" ? 1 : undefined);
  const joins = server === undefined ? undefined : urlOf(addressOf(server));
  const flags = [`--node-ip=${addressOf(number)}`];
  const config = asMember(own, { role, token, joins, several: servers > 1, flags });
  const network = {
    ethernets: {
      outside: { match: { macaddress: outside }, dhcp4: true },
      inside: { match: { macaddress: inside }, addresses: [`${addressOf(number)}/24`] },
    },
  };
  return toYaml({ ...config, k3os: { ...config.k3os, network } });
}

function refuseUnshared({ hostname, k3os = {} }: Config): void {
  const { network, server_url, token, k3s_args = [] } = k3os;
  const found =
    (hostname !== undefined && "hostname") ||
    (network !== undefined && "k3os.network") ||
    (server_url !== undefined && "k3os.server_url") ||
    (token !== undefined && "k3os.token") ||
    argumentOf(membershipIn(k3s_args) ?? machineIn(k3s_args));
  if (!found) return;
  throw new K3osError("usage", `The config has ${found}, and all machines of a cluster share one config.`, {
    hint: "Take it out: each machine gets its own from the command.",
  });
}

const argumentOf = (name: string | undefined) => name !== undefined && `${name} in k3os.k3s_args`;
