import { describe, expect, it } from "vitest";
import type { Observed } from "./observed.ts";
import { dueSummary, nextSummary } from "./summary.ts";
import { NOON, nodeOf, observedBy, poolOf, upgrading } from "./testing.ts";

const node2 = nodeOf("node-2");
const settled = upgrading(
  "1.0",
  {},
  {
    conditions: [{ type: "Ready", status: "True", reason: "UpToDate", message: "", lastTransitionTime: "" }],
  },
);
const busy = upgrading("2.0");
type Memory = Observed["memory"];
const memory = (over: Partial<Memory> = {}, at = NOON, unchanged = 0): Memory => ({
  ...{
    poolSince: { agents: NOON - 60_000 },
    setbacks: {},
    summarised: { agents: { at, word: "UpToDate x", unchanged } },
  },
  ...{ state: { word: "UpToDate x", since: NOON - 60_000 } },
  ...over,
});
/** Seconds until this agent sees to a summary; it is the second of three. */
const waits = (observed: Parameters<typeof observedBy>[0]) => {
  const next = nextSummary(observedBy(observed));
  return next === undefined ? undefined : (next - NOON) / 1000;
};

describe("the summary of a pool", () => {
  it("is seen to once when an agent starts", () => {
    expect(waits({ pools: [settled], memory: memory({ summarised: {} }) })).toBe(0);
    expect(dueSummary(observedBy({ pools: [settled], memory: memory({ summarised: {} }) }))).toMatchObject({
      kind: "WritePoolStatus",
    });
  });

  it("is left alone while the pool is Ready", () => {
    expect(waits({ pools: [settled], memory: memory() })).toBeUndefined();
  });

  it("is seen to at once by whoever has come to an end, and later by the others in their order", () => {
    const state = (word: string) => ({ state: { word, since: NOON } });
    expect(waits({ pools: [settled], memory: memory(state("Returned x")) })).toBe(0);
    expect(waits({ pools: [settled], memory: memory(state("Staging x")) })).toBe(5);
    expect(waits({ pools: [settled], memory: memory(state("Staging x")), nodes: [node2, nodeOf("node-3")] })).toBe(0);
    expect(
      waits({
        pools: [settled],
        memory: memory(state("Staging x")),
        nodes: [nodeOf("node-1", { ready: false }), node2],
      }),
    ).toBe(0);
  });

  it("follows a change of the spec", () => {
    const changed = { ...settled, metadata: { ...settled.metadata, generation: 2 } };
    const since = { poolSince: { agents: NOON } };
    expect(waits({ pools: [changed], memory: memory(since, NOON - 1000) })).toBe(5);
  });

  it("is looked at again while the pool is not Ready, and less and less where that changes nothing", () => {
    expect(waits({ pools: [busy], memory: memory() })).toBe(35);
    expect(waits({ pools: [busy], memory: memory({}, NOON, 2) })).toBe(125);
    expect(waits({ pools: [busy], memory: memory({}, NOON, 30) })).toBe(605);
  });

  it("of a pool without Nodes is up to all, and that of others is not", () => {
    const selector = { nodeSelector: { matchLabels: { zone: "b" } } };
    const other = poolOf("agents", selector);
    expect(waits({ pools: [other], memory: memory() })).toBe(35);
    expect(
      waits({ pools: [other], memory: memory(), nodes: [node2, nodeOf("node-9", { labels: { zone: "b" } })] }),
    ).toBeUndefined();
  });

  it("reads the cluster first, and goes by what it says", () => {
    const old = observedBy({ pools: [busy], memory: memory({ summarised: {} }) });
    const stale = old.cluster && { ...old.cluster, at: NOON - 5000 };
    expect(dueSummary({ ...old, cluster: stale })).toEqual({ kind: "ReadCluster" });
  });
});
