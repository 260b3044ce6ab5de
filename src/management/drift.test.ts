import { describe, expect, it } from "vitest";
import { driftSince, kernelDifferences } from "./drift.ts";

describe("the kernel's command line", () => {
  it.each([
    ["nosmt quiet", []],
    ["quiet", ["nosmt"]],
    ["nosmt quiet init=/bin/sh rescue", ["init", "rescue"]],
  ])("%j differs by %j, without values", (cmdline, want) => {
    const found = kernelDifferences(`${cmdline}\n`, ["nosmt"], (word) => word === "quiet");
    expect(found).toEqual(want.map((path) => ({ kind: "KernelArgument", path })));
  });
});

it("drift keeps the time since when it is known, and goes when it is gone", () => {
  const [a, b, c] = ["/a", "/b", "/c"].map((path) => ({ kind: "File", path })) as [Entry, Entry, Entry];
  const first = driftSince([], [a, b, a], "1");
  expect(first).toEqual([
    { ...a, since: "1" },
    { ...b, since: "1" },
  ]);
  expect(driftSince(first, [b, c], "2")).toEqual([
    { ...b, since: "1" },
    { ...c, since: "2" },
  ]);
});

interface Entry {
  readonly kind: string;
  readonly path: string;
}
