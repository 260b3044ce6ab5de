import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { inject } from "vitest";
import type { ApiAnswer, ApiClient, PatchKind } from "../../../src/node/agent/client.ts";
import { type Output, outputOf } from "../../../src/process/run.ts";
import { type Credential, clientCertificate } from "./certificate.ts";

/** A client that can do all that a user can. */
export interface TestApi extends ApiClient {
  put(path: string, body: unknown): Promise<ApiAnswer>;
  delete(path: string): Promise<ApiAnswer>;
  /** Server-side apply as another manager than k3OS. */
  applyAs(manager: string, path: string, body: unknown, force?: boolean): Promise<ApiAnswer>;
}

const server = () => inject("server");
const tls = (name: string) => readFileSync(join(server().directory, "data/server/tls", name), "utf8");

/** The API as the cluster's administrator has it. */
export function administrator(): TestApi {
  return clientOf({ cert: tls("client-admin.crt"), key: tls("client-admin.key") });
}

/** The API as a node of that name has it. */
export function nodeCalled(name: string): TestApi {
  return userCalled(`system:node:${name}`, "system:nodes");
}

export function userCalled(user: string, group: string): TestApi {
  return clientOf(clientCertificate({ cert: tls("client-ca.crt"), key: tls("client-ca.key") }, user, group));
}

const CONTENT_TYPES: Readonly<Record<PatchKind, string>> = {
  merge: "application/merge-patch+json",
  apply: "application/apply-patch+yaml",
};

function clientOf(credential: Credential): TestApi {
  const { port } = server();
  const agent = new Agent({ keepAlive: true, ca: tls("server-ca.crt"), ...credential });
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
    applyAs: (manager, path, body, force = false) => apply(manager, path, body, force),
  };
}

function answerOf<T>(status: number, text: string): ApiAnswer<T> {
  const body = JSON.parse(text === "" ? "null" : text.startsWith("{") ? text : JSON.stringify(text)) as T;
  const reason = status < 300 ? "" : ((body as { message?: string } | null)?.message ?? text);
  return { status, body, reason };
}

/** Runs kubectl as the administrator; `input` is a manifest for `-f -`. */
export function kubectl(args: readonly string[], input?: unknown): Promise<Output> {
  const { k3s, directory } = server();
  const argv = [k3s, "kubectl", "--kubeconfig", join(directory, "k3s.yaml"), ...args];
  // Its cache of what the API serves would outlive the definitions.
  const env = { HOME: directory, KUBECACHEDIR: join(directory, "cache") };
  return outputOf({ argv, env }, { input: input === undefined ? undefined : JSON.stringify(input) });
}
