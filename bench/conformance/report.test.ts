import { describe, expect, it } from "vitest";
import { readReport, resultTable, unexplained } from "./report.ts";
import { Progress } from "./run.ts";

const report = (LeafNodeText: string, State: string, message?: string, LeafNodeType = "It") => ({
  ...{ ContainerHierarchyTexts: ["[sig-node] Pods", ""], LeafNodeText, LeafNodeType, State, RunTime: 2.5e9 },
  ...(message !== undefined && { Failure: { Message: message } }),
});
const json = (...reports: object[]) => JSON.stringify([{ SpecReports: reports }]);
const specs = ["runs", "breaks", "hangs", "rests"].map((leaf) => `[sig-node] Pods ${leaf}`);
const text = json(
  { ...report("", "passed", undefined, "SynchronizedBeforeSuite"), ContainerHierarchyTexts: null },
  report("runs", "passed"),
  report("breaks", "failed", "expected 1, got 2"),
  report("hangs", "timedout", "after ten minutes"),
  report("rests", "skipped", "not for this node"),
  report("was not selected", "skipped"),
);

describe("the report of a run", () => {
  it("tells what became of each selected spec", () => {
    const results = readReport(text, specs, [{ spec: /hangs$/, reason: "slow" }]);
    expect(results.map(({ state }) => state)).toEqual(["passed", "failed", "failed", "skipped"]);
    expect(results[2]).toEqual({
      ...{ spec: specs[2], state: "failed", seconds: 2.5, message: "after ten minutes", explained: "slow" },
    });
    expect(unexplained(results)).toEqual([results[1]]);
    expect(resultTable(results).rows).toEqual([
      ["sig-node", "1", "1", "1", "1", "10"],
      ["all", "1", "1", "1", "1", "10"],
    ]);
  });

  it("is no report if a selected spec is not in it, or if the suite could not begin", () => {
    expect(() => readReport(text, ["[sig-node] Pods fly"], [])).toThrow("does not tell of [sig-node] Pods fly");
    const broken = json(report("", "failed", "no node is ready", "SynchronizedBeforeSuite"));
    expect(() => readReport(broken, specs, [])).toThrow("SynchronizedBeforeSuite failed: no node is ready");
  });

  it("tells of a check after all specs that failed", () => {
    const after = {
      ...report("Invariant Metrics", "failed", "2 requests", "ReportAfterSuite"),
      ContainerHierarchyTexts: null,
    };
    const results = readReport(json(report("runs", "passed"), after), specs.slice(0, 1), []);
    expect(results.map(({ spec, state }) => [spec, state])).toEqual([
      [specs[0], "passed"],
      ["Invariant Metrics", "failed"],
    ]);
  });

  it("is counted while it is made", () => {
    const progress = new Progress();
    const lines = [
      "------",
      "• [5.123 seconds]",
      "[sig-node] Pods",
      "• [FAILED] [60.1 seconds]",
      "S [SKIPPED] [0.1 seconds]",
    ];
    expect(lines.filter((line) => progress.add(line))).toHaveLength(3);
    expect(progress).toMatchObject({ ended: 3, failed: 1 });
  });
});
