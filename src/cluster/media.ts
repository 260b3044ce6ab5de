/** The configs that media of a cluster's nodes carry. Pure. */
import { toYaml } from "../config/index.ts";
import type { Problem } from "../config/problem.ts";
import { asMember, urlOf } from "./member.ts";
import type { ClusterFile, ClusterNode, ReadCluster } from "./read.ts";

export interface NodeConfig {
  readonly node: string;
  /** The text of its config.yaml. It has the token. */
  readonly text: string;
}

/** Why real machines could not find each other; `undefined` if they can. */
export function withoutAddress({ nodes }: ClusterFile, complain: ReadCluster["complain"]): Problem | undefined {
  const first = nodes.findIndex(({ role }) => role === "server");
  const server = nodes[first];
  if (nodes.length === 1 || server?.address !== undefined) return undefined;
  return complain(
    `nodes[${first}].name`,
    "expected an `address`, by which the other nodes join this server, got none",
    "such as `address: 192.168.1.11`; it has to get that by DHCP, or by `k3os.network` in its `config`",
  );
}

/** The whole config of each node, for a cluster whose first server has an address if it is not the only node. */
export function mediumConfigs({ nodes }: ClusterFile, token: string): readonly NodeConfig[] {
  const servers = nodes.filter(({ role }) => role === "server");
  const [first] = servers;
  return nodes.map((node) => {
    const joins = node === first || first?.address === undefined ? undefined : urlOf(first.address);
    const member = { role: node.role, token, joins, several: servers.length > 1, flags: flagsOf(node) };
    return { node: node.name, text: toYaml(asMember(node.config, member)) };
  });
}

/** A server's certificate has to hold for the name by which it is asked. */
function flagsOf({ role, address }: ClusterNode): string[] {
  return role === "server" && address !== undefined ? [`--tls-san=${address}`] : [];
}
