import { Agent, request } from "node:https";
import { parse } from "yaml";
import { K3osError } from "../errors.ts";
import { DEFAULT_ACCOUNT, isReady, type NodeObject } from "../kubernetes/node.ts";

/** Replaces the address in the node's kubeconfig by the workstation's port that is forwarded to its API. */
export function rewriteKubeconfig(text: string, apiPort: number): string {
  return text.replace(/^(\s*server:\s*)\S+$/m, `$1https://127.0.0.1:${apiPort}`);
}

interface Credentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Kubeconfig {
  readonly clusters?: readonly { readonly cluster: Readonly<Record<string, string>> }[];
  readonly users?: readonly { readonly user: Readonly<Record<string, string>> }[];
}

function credentials(kubeconfig: string): Credentials {
  const parsed = parse(kubeconfig) as Kubeconfig;
  const bytes = (value: string | undefined, field: string) => {
    if (value === undefined) throw new K3osError("machine", `The node's kubeconfig has no ${field}.`);
    return Buffer.from(value, "base64");
  };
  const cluster = parsed.clusters?.[0]?.cluster;
  const user = parsed.users?.[0]?.user;
  return {
    ca: bytes(cluster?.["certificate-authority-data"], "certificate-authority-data"),
    cert: bytes(user?.["client-certificate-data"], "client-certificate-data"),
    key: bytes(user?.["client-key-data"], "client-key-data"),
  };
}

/** Whether anything answers with TLS and HTTP on that port, with any status. */
export async function apiAnswers(port: number, signal?: AbortSignal, timeoutMs = 3000): Promise<boolean> {
  try {
    await get(port, "/readyz", { rejectUnauthorized: false, agent: false }, timeoutMs, signal);
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

export interface NodeStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly version: string;
  /** Of the boot that its kubelet told of last; see random(4). */
  readonly bootId: string | undefined;
}

/**
 * The cluster's nodes, requested with the kubeconfig's credentials. `undefined` when the API does not answer.
 * `fromCache` takes what the server itself knows, which may be older, instead of asking the other servers' etcd, too:
 * that is a fraction of the work, and answered without them.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
 */
export async function nodes(
  port: number,
  kubeconfig: string,
  { fromCache, signal }: { readonly fromCache: boolean; readonly signal?: AbortSignal | undefined },
): Promise<NodeStatus[] | undefined> {
  const body = await read(port, kubeconfig, `/api/v1/nodes${fromCache ? "?resourceVersion=0" : ""}`, signal);
  return body === undefined ? undefined : (JSON.parse(body) as NodeList).items.map(nodeStatus);
}

/** Whether the cluster's first namespace takes pods, which is a moment after its first Node is Ready. */
export async function takesPods(port: number, kubeconfig: string, signal?: AbortSignal): Promise<boolean> {
  return (await read(port, kubeconfig, DEFAULT_ACCOUNT, signal)) !== undefined;
}

/** Keeps connections: agreeing on keys takes an emulated processor longer than most answers do. */
const kept = new Agent({ keepAlive: true });

/** What the API has there; `undefined` if it does not answer, or has nothing. */
async function read(port: number, kubeconfig: string, path: string, signal?: AbortSignal): Promise<string | undefined> {
  const access = credentials(kubeconfig);
  try {
    const { status, body } = await get(port, path, { ...access, agent: kept }, 20_000, signal);
    return status === 200 ? body : undefined;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

interface NodeList {
  readonly items: readonly NodeObject[];
}

function nodeStatus(node: NodeObject): NodeStatus {
  return {
    name: node.metadata.name,
    ready: isReady(node),
    version: node.status?.nodeInfo?.kubeletVersion ?? "unknown",
    bootId: node.status?.nodeInfo?.bootID,
  };
}

function get(
  port: number,
  path: string,
  connection: Partial<Credentials> & { rejectUnauthorized?: boolean; agent: Agent | false },
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, ...connection, signal }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    // Not AbortSignal.timeout: behind AbortSignal.any, Node.js 20's garbage collector may delete it before it fires.
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    asked.on("close", () => clearTimeout(timer));
    asked.on("error", reject);
    asked.end();
  });
}
