import type { ApiAnswer, ApiClient } from "../../../src/node/agent/client.ts";
import { type ApiObject, type Faults, watchesOver } from "../../../src/node/agent/memory-api.ts";
import type { SimulatedApi } from "../../../src/node/agent/testing.ts";
import { administrator, nodeCalled } from "./api.ts";

/**
 * The API server for the simulation of agents: requests are real, each node has its own credential, and what a watch
 * would tell is what the answers to writes have told.
 */
export function realApi(): SimulatedApi {
  const admin = administrator();
  const objects = new Map<string, ApiObject>();
  const listeners = new Set<() => void>();
  const writes: string[] = [];
  const failures: string[] = [];
  let version = 0;
  let asked = 0;
  let queue: Promise<unknown> = Promise.resolve();

  function learn(path: string, object: ApiObject | undefined): void {
    const versionOf = (one: ApiObject | undefined) => Number(one?.metadata.resourceVersion ?? 0);
    if (object !== undefined && versionOf(object) <= versionOf(objects.get(path))) return;
    if (object === undefined) objects.delete(path);
    else objects.set(path, object);
    version++;
    for (const listener of listeners) listener();
  }

  async function counted<T>(work: () => Promise<T>): Promise<T> {
    asked++;
    try {
      return await work();
    } finally {
      asked--;
    }
  }

  /** Requests of the administrator, one after the other. */
  function later(work: () => Promise<void>): void {
    queue = counted(() => queue.then(work));
  }

  function done({ status, reason, body }: ApiAnswer): ApiObject {
    if (status >= 300 || body === undefined) failures.push(reason);
    return body as ApiObject;
  }

  async function write(
    node: string,
    path: string,
    faults: Faults,
    method: "POST" | "PATCH",
    body: unknown,
    client: ApiClient,
  ) {
    const fault = await faults.before?.({ method, path, body });
    if (fault !== undefined) return fault;
    const answer = await counted(() =>
      method === "POST" ? client.post<ApiObject>(path, body) : client.patch<ApiObject>(path, body, "merge"),
    );
    if (answer.status < 300 && answer.body !== undefined) {
      const target = method === "POST" ? `${path}/${answer.body.metadata.name}` : path.replace(/\/status$/, "");
      learn(target, answer.body);
      writes.push(`${method} ${path}`);
    } else if (answer.status !== 409 && answer.status !== 0)
      failures.push(`${node} ${method} ${path}: ${answer.reason}`);
    await faults.after?.({ method, path, body });
    return answer as ApiAnswer<never>;
  }

  const list = <T>(collection: string) =>
    [...objects]
      .filter(([path]) => path.slice(0, path.lastIndexOf("/")) === collection)
      .map(([, object]) => object as T);

  return {
    writes,
    client(node, faults = {}) {
      const client = nodeCalled(node);
      return {
        async get(path) {
          const fault = await faults.before?.({ method: "GET", path });
          if (fault !== undefined) return fault;
          const answer = await counted(() => client.get<never>(path));
          await faults.after?.({ method: "GET", path });
          return answer;
        },
        post: (path, body) => write(node, path, faults, "POST", body, client),
        patch: (path, body) => write(node, path, faults, "PATCH", body, client),
      };
    },
    watches: (node, wait) => watchesOver({ list, version: () => version, listeners }, node, wait),
    put(path, object) {
      later(async () => {
        const { status, ...rest } = object;
        const made = done(await admin.post(path.slice(0, path.lastIndexOf("/")), rest));
        learn(path, status === undefined ? made : done(await admin.patch(`${path}/status`, { status }, "merge")));
      });
    },
    change(path, patch) {
      const isStatus = typeof patch === "object" && patch !== null && "status" in patch;
      later(async () => learn(path, done(await admin.patch(isStatus ? `${path}/status` : path, patch, "merge"))));
    },
    remove(path) {
      later(async () => {
        done(await admin.delete(path));
        learn(path, undefined);
      });
    },
    read<T>(path: string) {
      const found = objects.get(path);
      if (found === undefined) throw new Error(`there is no ${path}`);
      return found as T;
    },
    list,
    async settled() {
      while (asked > 0) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      if (failures.length > 0) throw new Error(failures.join("\n"));
    },
  };
}
