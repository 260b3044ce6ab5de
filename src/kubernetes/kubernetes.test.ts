import { describe, expect, it } from "vitest";
import { type Condition, isReady, type NodeObject, readyCondition } from "./node.ts";
import { isCrashLoop } from "./service.ts";

const node = (...conditions: Condition[]): NodeObject => ({ metadata: { name: "a" }, status: { conditions } });

describe("readyCondition", () => {
  it("is the condition Ready, whatever else the node reports", () => {
    const ready = { type: "Ready", status: "False", message: "no network" } as const;
    expect(readyCondition(node({ type: "DiskPressure", status: "True" }, ready))).toEqual(ready);
  });

  it("is Unknown as long as nobody has set it", () => {
    const unset = { type: "Ready", status: "Unknown" };
    expect(readyCondition({ metadata: { name: "a" } })).toEqual(unset);
    expect(readyCondition(node({ type: "MemoryPressure", status: "False" }))).toEqual(unset);
  });
});

describe("isReady", () => {
  it.each([
    ["True", true],
    ["False", false],
    ["Unknown", false],
  ] as const)("of a node whose Ready is %s is %s", (status, ready) => {
    expect(isReady(node({ type: "Ready", status }))).toBe(ready);
  });
});

describe("isCrashLoop", () => {
  it("allows the restarts of a healthy start", () => {
    expect([0, 4, 5].map(isCrashLoop)).toEqual([false, false, true]);
  });
});
