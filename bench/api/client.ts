import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { K3osError } from "../../src/errors.ts";
import { poll } from "../../src/vm/wait.ts";
import type { Trust } from "../../test/support/api-client.ts";

/** A server's API, asked as its administrator over at most `connections` connections. */
export interface Api {
  /** The status of the answer, or 0 without one. */
  ask(method: "GET" | "POST", path: string, body?: object): Promise<number>;
  /** The answer; of none, status 0 and the reason. */
  answer(method: "GET" | "POST", path: string, body?: object): Promise<Answer>;
  close(): void;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What a kubeconfig says of its user and its server; nothing until the server has written it. */
export function trustOf(kubeconfig: string): Trust | undefined {
  if (!existsSync(kubeconfig)) return undefined;
  const text = readFileSync(kubeconfig, "utf8");
  const data = (field: string) => Buffer.from(new RegExp(`^ *${field}: (\\S+)$`, "m").exec(text)?.[1] ?? "", "base64");
  const ca = data("certificate-authority-data");
  const cert = data("client-certificate-data");
  const key = data("client-key-data");
  return key.length === 0 ? undefined : { ca, cert, key };
}

/** How long a server may take for an answer if nobody says otherwise. */
export const ANSWER_MS = 5000;

/**
 * Returns nothing until the server has written its kubeconfig; without the certificate in it, it answers nobody. An
 * answer may take `answerMs`.
 */
export function connect(port: number, kubeconfig: string, connections: number, answerMs = ANSWER_MS): Api | undefined {
  const trust = trustOf(kubeconfig);
  if (trust === undefined) return undefined;
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ...trust });
  const answer: Api["answer"] = (method, path, body) =>
    new Promise((resolve) => {
      const headers = { "content-type": "application/json" };
      const asked = request({ host: "127.0.0.1", port, path, method, headers, agent }, (response) => {
        const parts: string[] = [];
        response.setEncoding("utf8").on("data", (part: string) => parts.push(part));
        // Also where the connection breaks in the middle of the answer.
        response.once("close", () =>
          resolve(
            response.complete
              ? { status: response.statusCode ?? 0, text: parts.join("") }
              : { status: 0, text: "the answer broke off" },
          ),
        );
      });
      asked.once("error", ({ message }) => resolve({ status: 0, text: message }));
      asked.setTimeout(answerMs, () => asked.destroy(new Error(`no answer within ${answerMs / 1000} s`)));
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const ask: Api["ask"] = async (...about) => (await answer(...about)).status;
  return { ask, answer, close: () => agent.destroy() };
}

const configMaps = "/api/v1/namespaces/default/configmaps";

function configMap(name: string): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { text: "x".repeat(1000) } };
}

/** How many objects a second clients create, each one after the other. */
export async function createsPerSecond(api: Api, clients: number, count: number, signal: AbortSignal): Promise<number> {
  const create = async (name: string) => (await api.ask("POST", configMaps, configMap(name))) === 201;
  const prefix = `bench-${clients}`;
  // The namespace is made a moment after the API is ready.
  const first = await poll(async () => (await create(prefix)) || undefined, { timeoutMs: 30_000, everyMs: 50, signal });
  if (first === undefined)
    throw new K3osError("machine", "The API does not create a ConfigMap in the namespace default.");
  const each = Math.ceil(count / clients);
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let n = 0; n < each; n++) {
        signal.throwIfAborted();
        const name = `${prefix}-${client}-${n}`;
        if (!(await create(name))) throw new K3osError("machine", `The API did not create the ConfigMap ${name}.`);
      }
    }),
  );
  return (each * clients * 1000) / (performance.now() - started);
}
