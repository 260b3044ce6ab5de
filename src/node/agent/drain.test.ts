import { describe, expect, it } from "vitest";
import { drainOnce } from "./drain.ts";
import { type MemoryApi, memoryApi } from "./memory-api.ts";

interface Traits {
  readonly owner?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly phase?: string;
  readonly node?: string;
  readonly ending?: true;
}

/** Pods by their names. */
function withPods(pods: Readonly<Record<string, Traits>>): MemoryApi {
  const api = memoryApi();
  for (const [
    name,
    { owner = "ReplicaSet", annotations = {}, phase = "Running", node = "a", ending },
  ] of Object.entries(pods)) {
    const ownerReferences =
      owner === "none" ? [] : [{ apiVersion: "apps/v1", kind: owner, name, uid: "1", controller: true }];
    const metadata = {
      name,
      namespace: "web",
      annotations,
      ownerReferences,
      ...(ending && { deletionTimestamp: "2026-11-29T00:00:00Z" }),
    };
    api.put(`/api/v1/namespaces/web/pods/${name}`, { metadata, spec: { nodeName: node }, status: { phase } });
  }
  return api;
}

const names = (api: MemoryApi) =>
  api.list<{ metadata: { name: string } }>("/api/v1/pods").map(({ metadata }) => metadata.name);

describe("a drain", () => {
  it("asks for the eviction of what another node can run, and of nothing else", async () => {
    const api = withPods({
      deployed: {},
      stateful: { owner: "StatefulSet" },
      daemon: { owner: "DaemonSet" },
      static: { owner: "Node", annotations: { "kubernetes.io/config.mirror": "1" } },
      bare: { owner: "none" },
      over: { owner: "Job", phase: "Succeeded" },
      elsewhere: { node: "b" },
    });
    expect(await drainOnce(api.client("a"), "a")).toBe(
      "still there: web/deployed (it is ending), web/stateful (it is ending)",
    );
    expect(names(api)).toEqual(["daemon", "static", "bare", "over", "elsewhere"]);
    expect(await drainOnce(api.client("a"), "a")).toBeUndefined();
  });

  it("names the budget that does not allow it, and asks again", async () => {
    const budget = { annotations: { "test/budget": "front" } };
    const api = withPods({ a: budget, b: budget, c: budget, d: budget, e: {} });
    const said =
      "still there: web/a (PodDisruptionBudget front), web/b (PodDisruptionBudget front), web/c (PodDisruptionBudget front)";
    expect(await drainOnce(api.client("a"), "a")).toBe(`${said} and 2 more`);
    expect(names(api)).toEqual(["a", "b", "c", "d"]);
  });

  it("waits for a pod that is ending, and asks for no other eviction of it", async () => {
    const api = withPods({ a: { ending: true } });
    expect(await drainOnce(api.client("a"), "a")).toBe("still there: web/a (it is ending)");
    expect(names(api)).toEqual(["a"]);
  });
});
