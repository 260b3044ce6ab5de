/** Test support: an API server in memory, as far as an agent can tell. */
import type { Machine } from "../../kubernetes/machine.ts";
import type { MachinePool } from "../../kubernetes/machine-pool.ts";
import { applyMergePatch, isEqual } from "../../kubernetes/merge-patch.ts";
import type { ObjectMeta } from "../../kubernetes/meta.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";
import { PATHS, type Watched, type Watches } from "./watches.ts";

export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Partial<ObjectMeta> & { readonly name: string };
  readonly spec?: unknown;
  readonly status?: unknown;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: unknown;
}

export interface MemoryApi {
  /** By what a node speaks to it. As of a real one, other nodes' Machines and turns are refused (403). */
  client(node: string, faults?: Faults): ApiClient;
  /** What a node's watches tell; `wait` is how its time passes. */
  watches(node: string, wait: Wait): Watches;
  /** Makes or replaces an object, as an administrator. */
  put(path: string, object: ApiObject): void;
  /** Changes an object by a merge patch, as an administrator. */
  change(path: string, patch: unknown): void;
  remove(path: string): void;
  read<T>(path: string): T;
  list<T>(path: string): readonly T[];
  /** Every request that changed something: `PATCH <path>`. */
  readonly writes: readonly string[];
}

/** What may happen to a request of a node: before it is there, and after it has had its effect. */
export interface Faults {
  before?(request: ApiRequest): Promise<ApiAnswer<never> | undefined>;
  after?(request: ApiRequest): Promise<void>;
}

export function memoryApi({ now = () => 0 }: { readonly now?: () => number } = {}): MemoryApi {
  const objects = new Map<string, ApiObject>();
  const listeners = new Set<() => void>();
  const writes: string[] = [];
  let version = 0;

  function store(path: string, object: ApiObject): ApiObject {
    const before = objects.get(path);
    const metadata = {
      creationTimestamp: new Date(now()).toISOString(),
      uid: before?.metadata.uid ?? `uid-${path}-${version}`,
      ...object.metadata,
      generation: (before?.metadata.generation ?? 0) + (before && isEqual(before.spec, object.spec) ? 0 : 1),
      resourceVersion: `${++version}`,
    };
    const stored = JSON.parse(JSON.stringify({ ...object, metadata })) as ApiObject;
    objects.set(path, stored);
    for (const listener of listeners) listener();
    return stored;
  }

  const answer = (status: number, body?: unknown): ApiAnswer<never> => {
    const reason = status < 300 ? "" : ((body as { message?: string })?.message ?? `it says ${status}`);
    return { status, body: body as never, reason };
  };
  const refused = (status: number, message: string) => answer(status, { message });

  function list<T>(path: string): T[] {
    const [collection = "", query = ""] = path.split("?");
    const field = /fieldSelector=spec\.nodeName%3D([^&]+)/.exec(query)?.[1];
    const found = [...objects].filter(([key]) => isIn(key, collection)).map(([, object]) => object);
    return found.filter(({ spec }) => field === undefined || nodeNameOf(spec) === field) as T[];
  }

  function post(node: string, path: string, body: ApiObject): ApiAnswer<never> {
    const eviction = /^(\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+)\/eviction$/.exec(path)?.[1];
    if (eviction !== undefined) return evict(node, eviction);
    if (path === PATHS.machines && body.metadata.name !== node) return refused(403, "a node may only make its own");
    const target = `${path}/${body.metadata.name}`;
    if (objects.has(target)) return refused(409, `${target} already exists`);
    return answer(201, store(target, { ...body, ...{ status: undefined } }));
  }

  function evict(node: string, path: string): ApiAnswer<never> {
    const pod = objects.get(path);
    if (pod === undefined) return refused(404, "no such pod");
    if (nodeNameOf(pod.spec) !== node) return refused(403, "a node may only evict its own pods");
    const budget = pod.metadata.annotations?.["test/budget"];
    if (budget !== undefined) {
      const message = `The disruption budget ${budget} needs 1 healthy pods and has 1 currently`;
      const details = { causes: [{ reason: "DisruptionBudget", message }] };
      return answer(429, { message: "Cannot evict pod as it would violate the pod's disruption budget.", details });
    }
    objects.delete(path);
    return answer(201, {});
  }

  function patch(node: string, path: string, body: ApiObject): ApiAnswer<never> {
    const isStatus = path.endsWith("/status");
    const target = isStatus ? path.slice(0, -"/status".length) : path;
    const before = objects.get(target);
    if (before === undefined) return refused(404, `${target} is not there`);
    const expected = body.metadata?.resourceVersion;
    if (expected !== undefined && expected !== before.metadata.resourceVersion) return refused(409, "it has changed");
    const { resourceVersion: _, ...metadata } = body.metadata ?? {};
    const change = isStatus ? { status: body.status } : { ...body, metadata, status: undefined };
    const after = applyMergePatch(before, change) as ApiObject;
    const why = forbidden(node, target, isStatus, before, after);
    if (why !== undefined) return refused(403, why);
    return answer(200, isEqual(before, after) ? before : store(target, after));
  }

  async function request<T>(node: string, sent: ApiRequest, faults: Faults): Promise<ApiAnswer<T>> {
    const fault = await faults.before?.(sent);
    if (fault !== undefined) return fault;
    const { method, path } = sent;
    let result: ApiAnswer<never>;
    if (method === "GET") {
      const [collection = ""] = path.split("?");
      const found = objects.get(path);
      const isList = collection === "/api/v1/pods" || (Object.values(PATHS) as string[]).includes(collection);
      if (isList) result = answer(200, { metadata: { resourceVersion: `${version}` }, items: list(path) });
      else result = found === undefined ? refused(404, `${path} is not there`) : answer(200, found);
    } else {
      const body = JSON.parse(JSON.stringify(sent.body)) as ApiObject;
      result = method === "POST" ? post(node, path, body) : patch(node, path, body);
      if (result.status < 300) writes.push(`${method} ${path}`);
    }
    await faults.after?.(sent);
    return result;
  }

  return {
    writes,
    client: (node, faults = {}) => ({
      get: (path) => request(node, { method: "GET", path }, faults),
      post: (path, body) => request(node, { method: "POST", path, body }, faults),
      patch: (path, body) => request(node, { method: "PATCH", path, body }, faults),
    }),
    watches: (node, wait) => watchesOver({ list, version: () => version, listeners }, node, wait),
    put: (path, object) => void store(path, object),
    change(path, change) {
      const before = objects.get(path);
      if (before === undefined) throw new Error(`there is no ${path}`);
      store(path, applyMergePatch(before, change) as ApiObject);
    },
    remove(path) {
      objects.delete(path);
      version++;
      for (const listener of listeners) listener();
    },
    read<T>(path: string) {
      const found = objects.get(path);
      if (found === undefined) throw new Error(`there is no ${path}`);
      return found as T;
    },
    list,
  };
}

/** Objects that tell when any of them has changed. */
export interface Store {
  list<T>(path: string): readonly T[];
  /** Another number after each change. */
  version(): number;
  readonly listeners: Set<() => void>;
}

type Wait = (milliseconds: number, changed: Promise<void>) => Promise<void>;

/** What the watches of a node tell of a store; `wait` is how its time passes. */
export function watchesOver({ list, version, listeners }: Store, node: string, wait: Wait): Watches {
  const kinds: Readonly<Record<Watched, string>> = { machine: PATHS.machines, ...PATHS };
  let told = -1;
  return {
    objects: <T extends ApiObject>(name: Watched) => {
      const all = list<T>(kinds[name]);
      const own = name === "machine" ? all.filter(({ metadata }) => metadata.name === node) : all;
      return new Map(own.map((object) => [object.metadata.name, object]));
    },
    isSynced: () => true,
    async next(timeoutMs) {
      if (told === version()) {
        let listener = () => {};
        const changed = new Promise<void>((resolve) => {
          listener = resolve;
          listeners.add(listener);
        });
        await wait(timeoutMs, changed);
        listeners.delete(listener);
      }
      const isNew = told !== version();
      told = version();
      return isNew;
    },
  };
}

const isIn = (path: string, collection: string) =>
  collection === "/api/v1/pods"
    ? /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+$/.test(path)
    : path.startsWith(`${collection}/`) && !path.slice(collection.length + 1).includes("/");

const nodeNameOf = (spec: unknown) => (spec as { readonly nodeName?: string } | undefined)?.nodeName;

/** What the admission policies and the Node authorizer refuse. */
function forbidden(node: string, path: string, isStatus: boolean, before: unknown, after: unknown): string | undefined {
  if (path.startsWith(`${PATHS.nodes}/`)) {
    return path === `${PATHS.nodes}/${node}` && !isStatus ? undefined : "a node may only change its own Node";
  }
  if (!isStatus) return "a node may not write specs";
  if (path.startsWith(`${PATHS.machines}/`)) {
    return (after as Machine).metadata.name === node ? undefined : "a node may only write its own Machine";
  }
  const turns = (object: unknown) => (object as MachinePool).status?.turns ?? [];
  const others = (object: unknown) => turns(object).filter(({ machine }) => machine !== node);
  return isEqual(others(before), others(after)) ? undefined : "a node may only take and give back its own turn";
}
