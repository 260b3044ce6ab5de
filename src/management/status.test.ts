import { describe, expect, it } from "vitest";
import type { Machine, MachineReason } from "../kubernetes/machine.ts";
import type { MachinePool } from "../kubernetes/machine-pool.ts";
import type { StatusCondition } from "../kubernetes/meta.ts";
import { isoTime } from "../kubernetes/time.ts";
import { stallOf } from "./budget.ts";
import { decide } from "./decide.ts";
import { machineStatus, poolStatus } from "./status.ts";
import {
  digestOf,
  localOf,
  machineOf,
  NOON,
  nodeOf,
  observedBy,
  poolOf,
  returnedMachine,
  targetOf,
  turnFor,
  upgrading,
} from "./testing.ts";

/** What kstatus makes of an object (sigs.k8s.io/cli-utils, generic rules). */
function kstatus({ metadata, status }: Machine | MachinePool): "Current" | "InProgress" | "Failed" {
  if (status?.observedGeneration !== metadata.generation) return "InProgress";
  const has = (type: string, is: string) =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === is) ?? false;
  if (has("Reconciling", "True")) return "InProgress";
  if (has("Stalled", "True")) return "Failed";
  return has("Ready", "True") ? "Current" : "InProgress";
}

const words = (conditions: readonly StatusCondition[] = []) =>
  conditions.map(({ type, status, reason }) => `${type}=${status}:${reason}`);

describe("the status of a Machine", () => {
  const at = (reason: MachineReason, machine = machineOf("node-2"), now = NOON) =>
    machineStatus(observedBy({ machine, now, pools: [upgrading("2.0")] }), { reason, message: "so it is" });

  it.each<[MachineReason, string]>([
    ["UpToDate", "Current"],
    ["Staging", "InProgress"],
    ["WaitingForTurn", "InProgress"],
    ["WaitingForWindow", "InProgress"],
    ["WaitingForApproval", "InProgress"],
    ["Draining", "InProgress"],
    ["OnTrial", "InProgress"],
    ["Returned", "Failed"],
    ["Failed", "Failed"],
    ["PoolConflict", "Failed"],
    ["Paused", "InProgress"],
  ])("%s is %s", (reason, expected) => {
    const status = at(reason);
    expect(kstatus({ ...machineOf("node-2"), ...(status && { status }) })).toBe(expected);
    // Exactly one of them says how it is, beside Ready.
    expect(status?.conditions?.length).toBe(reason === "UpToDate" || reason === "Paused" ? 1 : 2);
  });

  it("says what it is about", () => {
    expect(at("Staging")).toMatchObject({
      ...{
        observedGeneration: 1,
        pool: "agents",
        poolGeneration: 1,
        target: { version: "2.0", digest: digestOf("2.0") },
      },
      image: { version: "1.0" },
    });
  });

  it("is not written again while nothing changes", () => {
    const first = at("Staging");
    const machine = machineOf("node-2", {}, first);
    expect(at("Staging", machine, NOON + 60_000)).toBeUndefined();
  });

  it("changes the time of a condition only with its status", () => {
    const first = at("Staging");
    const second = at("Draining", machineOf("node-2", {}, first), NOON + 60_000);
    expect(second?.conditions?.map((condition) => condition.lastTransitionTime)).toEqual(Array(2).fill(isoTime(NOON)));
    const third = at("UpToDate", machineOf("node-2", {}, second), NOON + 120_000);
    expect(third?.conditions).toMatchObject([{ type: "Ready", lastTransitionTime: isoTime(NOON + 120_000) }]);
  });

  it("keeps the parts that others write, unless they are given", () => {
    const config = { revision: "r", desired: "r", layers: [] };
    const machine = machineOf("node-2", {}, { config });
    expect(at("UpToDate", machine)).toMatchObject({ config });
  });
});

const ready = (name: string, version: string, over: Partial<Machine["status"] & object> = {}): Machine =>
  machineOf(
    name,
    {},
    {
      ...{ pool: "agents", poolGeneration: 1, image: { version, digest: digestOf(version) } },
      conditions: [{ type: "Ready", status: "True", reason: "UpToDate", message: "", lastTransitionTime: "" }],
      ...over,
    },
  );
const busy = (name: string, message: string) =>
  ready(name, "1.0", {
    conditions: [{ type: "Ready", status: "False", reason: "OnTrial", message, lastTransitionTime: "" }],
  });
const nodes = [nodeOf("node-1"), nodeOf("node-2"), nodeOf("node-3")];
const view = { now: NOON, clockTrusted: true };
const statusOf = (pool: MachinePool, machines: readonly Machine[], over = {}) => {
  const status = poolStatus(pool, { at: NOON, nodes, machines, pools: [pool] }, { ...view, ...over });
  return status && { ...status, words: words(status.conditions), kstatus: kstatus({ ...pool, status }) };
};

describe("the status of a pool", () => {
  it("is Ready when all Machines are at its target", () => {
    const machines = nodes.map(({ metadata }) => ready(metadata.name, "2.0"));
    expect(statusOf(upgrading("2.0"), machines)).toMatchObject({
      ...{ machines: 3, updated: 3, unavailable: 0, failed: 0, words: ["Ready=True:UpToDate"], kstatus: "Current" },
      conditions: [{ message: "3 of 3 are at 2.0" }],
    });
  });

  describe("that wants images of several kinds", () => {
    const kinds = ["1", "2"].map((build) => ({ architecture: "amd64", flavour: `f${build}`, digest: digestOf(build) }));
    const pool = upgrading("2.0", {}, { target: { ...targetOf("2.0"), digest: digestOf("1"), images: kinds } });
    const at = (name: string, build: string, over: Partial<Machine["status"] & object> = {}) => {
      const digest = digestOf(build);
      return ready(name, "2.0", { image: { version: "2.0", digest }, target: { version: "2.0", digest }, ...over });
    };
    const stalled = (reason: string) => [
      { type: "Stalled", status: "True" as const, reason, message: "it has failed", lastTransitionTime: "" },
    ];

    it("is Ready when each Machine runs the one of its kind", () => {
      const machines = [at("node-1", "1"), at("node-2", "2"), at("node-3", "1")];
      expect(statusOf(pool, machines)).toMatchObject({ updated: 3, failed: 0, kstatus: "Current" });
      expect(statusOf(pool, [at("node-1", "3"), ...machines.slice(1)])).toMatchObject({ updated: 2 });
    });

    it("stops when any of them has failed, but not because of one that is not wanted there any more", () => {
      const machines = [at("node-1", "1"), at("node-2", "2", { conditions: stalled("Returned") })];
      expect(statusOf(pool, machines)).toMatchObject({ failed: 1, kstatus: "Failed" });
      const slots = [{ name: "b", version: "2.0", digest: digestOf("1"), state: "Failed" as const }];
      expect(statusOf(pool, [at("node-1", "1"), at("node-2", "2", { slots })])).toMatchObject({ failed: 0 });
      expect(statusOf(pool, [at("node-1", "1", { slots }), at("node-2", "2")])).toMatchObject({ failed: 1 });
    });
  });

  it("goes on without a kind of machine that has no image, which does not count as updated", () => {
    const images = [{ architecture: "amd64", flavour: "metal", digest: digestOf("2.0") }];
    const pool = upgrading("2.0", {}, { target: { ...targetOf("2.0"), images } });
    const observed = observedBy({
      pools: [pool],
      local: localOf({ kind: { architecture: "amd64", flavour: "cloud" } }),
    });
    const waiting = { ...machineOf("node-2"), status: { ...machineStatus(observed, decide(observed)) } };
    expect(words(waiting.status.conditions)).toEqual([
      "Ready=False:WaitingForImage",
      "Reconciling=True:WaitingForImage",
    ]);
    const machines = [ready("node-1", "2.0"), waiting, ready("node-3", "2.0")];
    expect(stallOf(pool, { nodes, machines }, NOON)).toBeUndefined();
    expect(statusOf(pool, machines)).toMatchObject({ updated: 2, failed: 0, kstatus: "InProgress" });
    // It was tried there by hand, and is for other machines.
    const slots = [{ name: "b", version: "2.0", digest: digestOf("2.0"), state: "Failed" as const }];
    const tried = { ...waiting, status: { ...waiting.status, slots } };
    expect(stallOf(pool, { nodes, machines: [tried] }, NOON)).toBeUndefined();
  });

  it("tells how far it is, and who has its turn", () => {
    const pool = upgrading("2.0", {}, { turns: [turnFor("node-2")] });
    const machines = [ready("node-1", "2.0"), busy("node-2", "2.0 is on trial"), busy("node-3", "it waits")];
    expect(statusOf(pool, machines)).toMatchObject({
      ...{ updated: 1, unavailable: 1, words: ["Ready=False:Upgrading", "Reconciling=True:Upgrading"] },
      conditions: [{ message: "1 of 3 are at 2.0; node-2: 2.0 is on trial" }, {}],
      kstatus: "InProgress",
    });
  });

  it("is not Ready before every Machine has seen its spec, so that nobody's wait ends early", () => {
    const pool = poolOf("agents", { restartedAt: "2026-11-29T11:00:00Z" });
    const changed = { ...pool, metadata: { ...pool.metadata, generation: 2 } };
    const machines = nodes.map(({ metadata }) => ready(metadata.name, "1.0"));
    expect(statusOf(changed, machines)).toMatchObject({ updated: 0, kstatus: "InProgress" });
    const seen = nodes.map(({ metadata }) => ready(metadata.name, "1.0", { poolGeneration: 2 }));
    expect(statusOf(changed, seen)).toMatchObject({ updated: 3, observedGeneration: 2, kstatus: "Current" });
  });

  it("is not Ready by the target of an older spec", () => {
    const machines = nodes.map(({ metadata }) => ready(metadata.name, "1.0"));
    const pool = upgrading("2.0", {}, { target: targetOf("1.0") });
    expect(statusOf(pool, machines)).toMatchObject({
      updated: 0,
      words: ["Ready=False:LookingUp", "Reconciling=True:LookingUp"],
    });
  });

  it("keeps saying why the image is not known, until it is", () => {
    const pool = poolOf("agents", { image: { channel: "stable" } });
    const failure = { key: "agents", message: "the index has expired", lasting: true, until: 0, times: 1 };
    const status = statusOf(pool, [ready("node-1", "1.0")], { failure });
    expect(status).toMatchObject({
      words: ["Ready=False:LookUpFailed", "Stalled=True:LookUpFailed"],
      kstatus: "Failed",
    });
    const { words: _, kstatus: __, ...written } = status ?? {};
    expect(statusOf({ ...pool, status: written }, [ready("node-1", "1.0")])).toBeUndefined();
  });

  it("is Stalled when a Machine has failed, and goes on with another target", () => {
    const machines = [ready("node-1", "2.0"), returnedMachine("node-2", "2.0")];
    expect(statusOf(upgrading("2.0"), machines)).toMatchObject({
      ...{ failed: 1, words: ["Ready=False:MachineFailed", "Stalled=True:MachineFailed"], kstatus: "Failed" },
      conditions: [{ message: "node-2: k3s did not start" }, {}],
    });
    expect(statusOf(upgrading("3.0"), machines)).toMatchObject({ failed: 0, kstatus: "InProgress" });
  });

  it("is Stalled when a Machine did not come back in its turn", () => {
    const pool = upgrading("2.0", {}, { turns: [turnFor("node-2", { deadline: "2026-11-29T11:00:00Z" })] });
    expect(statusOf(pool, [ready("node-1", "1.0")])).toMatchObject({
      words: ["Ready=False:MachineLost", "Stalled=True:MachineLost"],
    });
    expect(statusOf(pool, [ready("node-1", "1.0")], { clockTrusted: false })).toMatchObject({ kstatus: "InProgress" });
  });

  it("is neither Reconciling nor Stalled while it is paused", () => {
    expect(statusOf(upgrading("2.0", { paused: true }), [ready("node-1", "1.0")])).toMatchObject({
      words: ["Ready=False:Paused"],
    });
  });

  it("is Ready without Machines", () => {
    expect(statusOf(poolOf("agents", { image: { version: "2.0" } }), [])).toMatchObject({
      words: ["Ready=True:UpToDate"],
      kstatus: "Current",
    });
  });

  it("is not written again while nothing changes", () => {
    const pool = upgrading("2.0");
    const machines = nodes.map(({ metadata }) => ready(metadata.name, "2.0"));
    const status = poolStatus(pool, { at: NOON, nodes, machines, pools: [] }, view);
    expect(
      poolStatus(
        { ...pool, ...(status && { status }) },
        { at: NOON, nodes, machines, pools: [] },
        { ...view, now: NOON + 60_000 },
      ),
    ).toBeUndefined();
  });
});
