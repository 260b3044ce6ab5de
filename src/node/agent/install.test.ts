import { beforeAll, describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { managementObjects } from "../../management/crds/index.ts";
import { DIGEST_ANNOTATION, LAST_OBJECT, REVISION, REVISION_ANNOTATION } from "../../management/crds/revision.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";
import { ensureApi } from "./install.ts";

interface Stored {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
    readonly annotations?: Record<string, string>;
  };
}

const POOLS = "/apis/k3os.io/v1alpha1/machinepools";

/** An API of objects in a map. `before` may answer in its place, or change objects behind the caller's back. */
function fakeApi(
  before: (request: string, api: ReturnType<typeof fakeApi>) => ApiAnswer | undefined = () => undefined,
) {
  const objects = new Map<string, Stored>();
  const requests: string[] = [];
  let version = 0;
  const answer = (status: number, body?: unknown): ApiAnswer<never> => ({
    ...{ status, body: body as never, reason: status < 300 ? "" : `status ${status}` },
  });
  const store = (path: string, object: Stored) => {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
    objects.set(path, stored);
    return stored;
  };
  const asked = (request: string) => {
    requests.push(request);
    return before(request, api) as ApiAnswer<never> | undefined;
  };
  const client: ApiClient = {
    async get(path) {
      const early = asked(`GET ${path}`);
      const found = objects.get(path);
      return early ?? (found === undefined ? answer(404) : answer(200, found));
    },
    async post(path, body) {
      const object = body as Stored;
      const full = `${path}/${object.metadata.name}`;
      const early = asked(`POST ${full}`);
      return early ?? (objects.has(full) ? answer(409) : answer(201, store(full, object)));
    },
    async patch(path, body, kind) {
      const early = asked(`PATCH ${path}`);
      expect(kind).toBe("apply");
      const { resourceVersion } = (body as Stored).metadata;
      const found = objects.get(path);
      if (resourceVersion !== undefined && found?.metadata.resourceVersion !== resourceVersion) return answer(409);
      return early ?? answer(found === undefined ? 201 : 200, store(path, body as Stored));
    },
  };
  const api = { client, objects, requests, store, answer };
  return api;
}

const host = memoryHost();
const all = managementObjects();
let installed: ReadonlyMap<string, Stored>;
beforeAll(async () => {
  const api = fakeApi();
  await ensureApi(api.client, host);
  installed = api.objects;
});

function withInstalled(...options: Parameters<typeof fakeApi>) {
  const api = fakeApi(...options);
  for (const [path, object] of installed) api.store(path, object);
  return api;
}

function annotated(path: string, annotations: Record<string, string>): Stored {
  const { metadata } = installed.get(path) as Stored;
  return { metadata: { name: metadata.name, annotations: { ...metadata.annotations, ...annotations } } };
}

describe("ensureApi", () => {
  it("applies every object, and lets agents write when the policies and the first pools are there", async () => {
    const api = fakeApi();
    expect(await ensureApi(api.client, host)).toBe("applied");
    const written = api.requests.filter((request) => !request.startsWith("GET"));
    expect(written).toEqual([
      ...all.slice(0, -1).map(({ path }) => `PATCH ${path}`),
      `POST ${POOLS}/servers`,
      `POST ${POOLS}/agents`,
      `PATCH ${LAST_OBJECT}`,
    ]);
  });

  it("asks once if they are there", async () => {
    const api = withInstalled();
    expect(await ensureApi(api.client, host)).toBe("current");
    expect(api.requests).toEqual([`GET ${LAST_OBJECT}`]);
  });

  it("replaces those of another build, and leaves pools alone, deleted ones, too", async () => {
    const api = withInstalled();
    api.store(LAST_OBJECT, annotated(LAST_OBJECT, { [DIGEST_ANNOTATION]: "another" }));
    api.objects.delete(`${POOLS}/agents`);
    expect(await ensureApi(api.client, host)).toBe("applied");
    expect(api.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
    expect(await ensureApi(api.client, host)).toBe("current");
  });

  it("leaves newer ones alone", async () => {
    const api = withInstalled();
    api.store(LAST_OBJECT, annotated(LAST_OBJECT, { [REVISION_ANNOTATION]: String(REVISION + 1) }));
    expect(await ensureApi(api.client, host)).toBe("newer");
    expect(api.requests).toHaveLength(1);
  });

  it("stops at a newer one that another server is just applying", async () => {
    const [first, second] = all;
    const api = fakeApi();
    api.store(second?.path ?? "", {
      metadata: { name: "machinepools.k3os.io", annotations: { [REVISION_ANNOTATION]: String(REVISION + 1) } },
    });
    expect(await ensureApi(api.client, host)).toBe("newer");
    expect(api.requests.filter((request) => request.startsWith("PATCH"))).toEqual([`PATCH ${first?.path}`]);
  });

  it("never replaces what was written behind its back: a newer one stays", async () => {
    const path = all[0]?.path ?? "";
    const api = withInstalled((request, api) => {
      if (request === `PATCH ${path}`) api.store(path, annotated(path, { [REVISION_ANNOTATION]: "9" }));
      return undefined;
    });
    api.objects.delete(LAST_OBJECT);
    expect(await ensureApi(api.client, host)).toBe("newer");
    expect(api.objects.get(path)?.metadata.annotations?.[REVISION_ANNOTATION]).toBe("9");
  });

  it("gives up when somebody writes the same all the time", async () => {
    const path = all[0]?.path ?? "";
    const api = withInstalled((request, api) => {
      if (request === `PATCH ${path}`) api.store(path, annotated(path, {}));
      return undefined;
    });
    api.objects.delete(LAST_OBJECT);
    await expect(ensureApi(api.client, host)).rejects.toThrow("somebody else wrote it each time");
  });

  it("awaits that the API serves a new kind", async () => {
    let refusals = 3;
    const api = fakeApi((request, { answer }) =>
      request.startsWith("POST") && refusals-- > 0 ? answer(404) : undefined,
    );
    expect(await ensureApi(api.client, host)).toBe("applied");
    expect(api.objects.has(`${POOLS}/servers`)).toBe(true);
  });

  it("says what the API refuses", async () => {
    const api = fakeApi((request, { answer }) => (request.startsWith("PATCH") ? answer(403) : undefined));
    await expect(ensureApi(api.client, host)).rejects.toThrow(`The API answered 403 for ${all[0]?.path}: status 403`);
    const deaf = fakeApi((_, { answer }) => answer(0));
    await expect(ensureApi(deaf.client, host)).rejects.toThrow("The API did not answer");
    const never = fakeApi((request, { answer }) => (request.startsWith("POST") ? answer(404) : undefined));
    await expect(ensureApi(never.client, host)).rejects.toThrow("404");
  });

  it("ends at the same state wherever it was interrupted", async () => {
    const total = 2 * all.length + 3;
    for (let after = 0; after < total; after++) {
      let left = after;
      const api = fakeApi((_, { answer }) => (left-- > 0 ? undefined : answer(0)));
      await ensureApi(api.client, host).catch(() => {});
      left = Number.POSITIVE_INFINITY;
      await ensureApi(api.client, host);
      expect([...api.objects.keys()].sort()).toEqual([...installed.keys()].sort());
    }
  });
});
