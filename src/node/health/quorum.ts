/** Why the API of a server does not answer though it runs: what has its objects does not. */
import { databaseOf } from "../../config/database.ts";
import type { Config } from "../../config/index.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { adminAccess, askApi } from "./api.ts";

/** A member of etcd has it (kube/internal/etcd). */
const MEMBER = "/var/lib/rancher/k3s/server/db/etcd/member";
const PEER_PORT = 2380;
const ESTABLISHED = 1;
const SYN_SENT = 2;
/** A packet or two may be lost on any network. */
const MANY_RETRANSMITS = 3;
/** The API server asks etcd for seconds before it says no. */
const PATIENCE_S = 12;

/** One sentence about what does not answer, where something does not. */
export interface Unanswered {
  /** Its etcd. */
  readonly no_quorum?: string;
  /** The database that the config of the node names. */
  readonly no_database?: string;
}

/**
 * Why this server has no answers of what has its objects; empty if it has, or if this is no server whose API runs. Ask
 * when the API does not answer: it takes seconds.
 */
export async function observeUnanswered(host: Host, config: Config): Promise<Unanswered> {
  const database = databaseOf(config);
  const hasMember = host.stat(MEMBER) !== undefined;
  if ((database === undefined && !hasMember) || !(await lacksObjects(host))) return {};
  // What a server with etcd has left behind says nothing of one over a database.
  if (database !== undefined) return { no_database: `the database at ${database} does not answer` };
  return { no_quorum: quorumSentence(peersIn(readTextIf(host, "/proc/net/tcp") ?? "")) };
}

/** Whether the API server of this machine says that it does not reach its objects; its check of them is called etcd. */
async function lacksObjects(host: Host): Promise<boolean> {
  const access = adminAccess(host);
  if (access === undefined) return false;
  const answer = await askApi(host, access, "/readyz/etcd", PATIENCE_S);
  // The API server says 500. Without an answer of its own, it is the one that is missing.
  return !answer.answers && !answer.refused && answer.reason.startsWith("it says ");
}

/** The addresses of other servers, sorted. */
export interface Peers {
  /** etcd says something to them, and hears nothing. */
  readonly silent: readonly string[];
  readonly others: readonly string[];
}

export function quorumSentence({ silent, others }: Peers): string {
  const slow = "the disk is too slow";
  if (silent.length === 0) return `etcd does not answer: ${slow}, or too few of the other servers run`;
  const silence = `${silent.join(" and ")} ${silent.length === 1 ? "does" : "do"} not answer at port ${PEER_PORT}`;
  const here = 1 + others.length;
  const isMajority = here > silent.length;
  return isMajority ? `etcd does not answer: ${slow}, or ${silence}` : `etcd has no majority: ${silence}`;
}

/**
 * The servers that etcd has a connection to, in the text of /proc/net/tcp (proc_net_tcp.txt of the kernel): a line for
 * each connection, in which addresses are hexadecimal and the lowest byte comes first.
 */
export function peersIn(connections: string): Peers {
  const found = connections.split("\n").flatMap((line) => {
    const [, local = "", remote = "", state, , , retransmits] = line.trim().split(/\s+/);
    const [address = "", port] = remote.split(":");
    if (![port, local.split(":")[1]].some((one) => hex(one) === PEER_PORT)) return [];
    const isSilent = hex(state) === SYN_SENT || hex(retransmits) >= MANY_RETRANSMITS;
    if (!isSilent && hex(state) !== ESTABLISHED) return [];
    const bytes = address.match(/../g) ?? [];
    return [{ peer: bytes.map(hex).reverse().join("."), isSilent }];
  });
  const silent = new Set(found.filter(({ isSilent }) => isSilent).map(({ peer }) => peer));
  const others = new Set(found.map(({ peer }) => peer).filter((peer) => !silent.has(peer)));
  return { silent: [...silent].sort(), others: [...others].sort() };
}

const hex = (text = "") => Number.parseInt(text, 16);
