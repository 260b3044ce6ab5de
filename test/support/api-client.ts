import { Agent, request } from "node:https";
import type { ApiAnswer, ApiClient, PatchKind } from "../../src/node/agent/client.ts";

/** A client that can do all that a user can. */
export interface TestApi extends ApiClient {
  put(path: string, body: unknown): Promise<ApiAnswer>;
  delete(path: string): Promise<ApiAnswer>;
  /** Server-side apply as another manager than k3OS. */
  applyAs(manager: string, path: string, body: unknown, force?: boolean): Promise<ApiAnswer>;
  close(): void;
}

/** A client certificate and its key, and the authority of the server's certificate; all PEM. */
export interface Trust {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly ca: string | Buffer;
}

const CONTENT_TYPES: Readonly<Record<PatchKind, string>> = {
  merge: "application/merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** A client of the API server at that port of this host. */
export function apiClient(port: number, trust: Trust): TestApi {
  const agent = new Agent({ keepAlive: true, ...trust });
  const ask = <T>(method: string, path: string, body?: unknown, type = "application/json") =>
    new Promise<ApiAnswer<T>>((resolve) => {
      const headers = { "content-type": type };
      const asked = request({ host: "127.0.0.1", port, path, method, headers, agent }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.once("end", () => resolve(answerOf(response.statusCode ?? 0, text)));
      });
      asked.once("error", (error) => resolve({ status: 0, body: undefined, reason: error.message }));
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const apply = <T>(manager: string, path: string, body: unknown, force: boolean) =>
    ask<T>("PATCH", `${path}?fieldManager=${manager}&force=${force}`, body, CONTENT_TYPES.apply);
  return {
    get: (path) => ask("GET", path),
    post: (path, body) => ask("POST", path, body),
    put: (path, body) => ask("PUT", path, body),
    delete: (path) => ask("DELETE", path),
    patch: (path, body, kind) =>
      kind === "apply" ? apply("k3os", path, body, true) : ask("PATCH", path, body, CONTENT_TYPES.merge),
    close: () => agent.destroy(),
    applyAs: (manager, path, body, force = false) => apply(manager, path, body, force),
  };
}

function answerOf<T>(status: number, text: string): ApiAnswer<T> {
  const body = JSON.parse(text === "" ? "null" : text.startsWith("{") ? text : JSON.stringify(text)) as T;
  const reason = status < 300 ? "" : ((body as { message?: string } | null)?.message ?? text);
  return { status, body, reason };
}
