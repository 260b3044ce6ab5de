/** What makes a config that of one member of a cluster. Pure. */
import { databaseOf } from "../config/database.ts";
import type { Config } from "../config/index.ts";

export type Role = "server" | "agent";

export interface Membership {
  readonly role: Role;
  readonly token: string;
  /** The URL of the server that it joins. A server without one begins the cluster. */
  readonly joins?: string | undefined;
  /** Whether others are to join as servers the one that begins: only etcd takes them. */
  readonly several: boolean;
  /** Flags of this node's k3s that come before those of its config. */
  readonly flags: readonly string[];
}

/** The config with what makes its node a member. */
export function asMember(own: Config, { role, token, joins, several, flags }: Membership): Config {
  const beginning = joins === undefined ? (several ? ["--cluster-init"] : []) : [`--server=${joins}`];
  const isAlone = role === "agent" || isOverDatabase(own);
  return {
    ...own,
    k3os: {
      ...own.k3os,
      token,
      ...(role === "agent" && joins !== undefined && { server_url: joins }),
      k3s_args: [role, ...flags, ...(isAlone ? [] : beginning), ...(own.k3os?.k3s_args ?? [])],
    },
  };
}

/** Whether servers find each other, and the authority of their cluster, in a database: SQLite is for one alone. */
export const isOverDatabase = (config: Config): boolean => databaseOf(config) !== undefined;

/** The API of the server that listens there. */
export const urlOf = (address: string): string => `https://${address.includes(":") ? `[${address}]` : address}:6443`;

/** What makes a node a member, in k3s's arguments. Those of the list belong to one node, whatever its role. */
const OF_MEMBER = /^(server|agent|--?(?:token|token-file|t|server|s|cluster-init|node-name))(?=[=\s]|$)/;
const NODE_FLAGS = [
  ...["node-ip", "i", "node-external-ip", "node-internal-dns", "node-external-dns"],
  ...["flannel-iface", "advertise-address", "bind-address"],
].join("|");
const OF_NODE = new RegExp(`^(--?(?:${NODE_FLAGS}))(?=[=\\s]|$)`);
const NODE_FLAG_ALONE = new RegExp(`^--?(?:${NODE_FLAGS})$`);

/** The first argument that makes a node a member, without its value, which may be a secret. */
export const membershipIn = (args: readonly string[]): string | undefined => firstMatch(args, OF_MEMBER);

/** The same of an argument that holds for one machine alone. */
export const machineIn = (args: readonly string[]): string | undefined => firstMatch(args, OF_NODE);

function firstMatch(args: readonly string[], pattern: RegExp): string | undefined {
  return args.map((arg) => pattern.exec(arg)?.[1]).find((found) => found !== undefined);
}

/** The arguments without those that hold for one machine alone, and their values. */
export function withoutMachine(args: readonly string[]): readonly string[] {
  const isFlag = (arg: string | undefined) => arg !== undefined && NODE_FLAG_ALONE.test(arg);
  return args.filter((arg, index) => machineIn([arg]) === undefined && !isFlag(args[index - 1]));
}
