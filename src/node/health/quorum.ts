/** Why the API of a server does not answer though it runs: its etcd needs the answers of other servers. */
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { adminAccess, askApi } from "./api.ts";

/** A member of etcd has it (kube/internal/etcd). */
const MEMBER = "/var/lib/rancher/k3s/server/db/etcd/member";
const PEER_PORT = 2380;
const SYN_SENT = 2;
/** A packet or two may be lost on any network. */
const MANY_RETRANSMITS = 3;

/**
 * Says in one sentence why etcd does not answer on this server; `undefined` if it does, or if this is no server with
 * etcd whose API runs. Ask when the API does not answer: it takes seconds.
 */
export async function observeQuorum(host: Host): Promise<string | undefined> {
  if (host.stat(MEMBER) === undefined) return undefined;
  const access = adminAccess(host);
  if (access === undefined) return undefined;
  const answer = await askApi(host, access, "/readyz/etcd");
  // The API server says 500. Without an answer of its own, it is the one that is missing.
  if (answer.answers || !answer.reason.startsWith("it says ")) return undefined;
  return quorumSentence(silentPeers(readTextIf(host, "/proc/net/tcp") ?? ""));
}

export function quorumSentence(silent: readonly string[]): string {
  if (silent.length === 0) return "etcd does not answer: too few of the other servers run, or the disk is too slow";
  const verb = silent.length === 1 ? "does" : "do";
  return `etcd has no majority: ${silent.join(" and ")} ${verb} not answer at port ${PEER_PORT}`;
}

/**
 * The addresses of the servers that etcd says something to and hears nothing of, sorted, in the text of /proc/net/tcp
 * (proc_net_tcp.txt of the kernel): a line for each connection, in which addresses are hexadecimal and the lowest byte
 * comes first.
 */
export function silentPeers(connections: string): string[] {
  const peers = connections.split("\n").flatMap((line) => {
    const [, local = "", remote = "", state, , , retransmits] = line.trim().split(/\s+/);
    const [address = "", port] = remote.split(":");
    if (![port, local.split(":")[1]].some((one) => hex(one) === PEER_PORT)) return [];
    if (hex(state) !== SYN_SENT && !(hex(retransmits) >= MANY_RETRANSMITS)) return [];
    const bytes = address.match(/../g) ?? [];
    return [bytes.map(hex).reverse().join(".")];
  });
  return [...new Set(peers)].sort();
}

const hex = (text = "") => Number.parseInt(text, 16);
