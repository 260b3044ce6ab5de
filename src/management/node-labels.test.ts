import { describe, expect, it } from "vitest";
import { LABELS, labelPatch } from "./node-labels.ts";

const node = (labels: Record<string, string>, noted?: string) => ({
  name: "a",
  labels,
  ...(noted !== undefined && { annotations: { [LABELS]: noted } }),
});

describe("the labels of a running node", () => {
  it("follow the config", () => {
    expect(labelPatch(node({ x: "1", mine: "m" }), { x: "2", y: "3" })).toEqual({
      metadata: { labels: { x: "2", y: "3" }, annotations: { [LABELS]: "x,y" } },
    });
  });

  it("go with it, and those of others stay", () => {
    expect(labelPatch(node({ x: "1", y: "2", mine: "m" }, "x,y,z"), { x: "1" })).toEqual({
      metadata: { labels: { y: null }, annotations: { [LABELS]: "x" } },
    });
  });

  it("are left alone if they are right", () => {
    expect(labelPatch(node({ x: "1", mine: "m" }, "x"), { x: "1" })).toBeUndefined();
    expect(labelPatch(node({}), {})).toBeUndefined();
  });
});
