import { describe, expect, it } from "vitest";
import { K3osError } from "../../errors.ts";
import { Told } from "../report.ts";
import { testIo } from "../test-io.ts";
import { GoReport } from "./go.ts";
import { type Part, runParts, selectParts, type Tally } from "./parts.ts";
import { tallyOf } from "./vitest.ts";

function part(...runs: (() => Promise<Tally>)[]): Part {
  return { name: "unit", steps: runs.map((run, index) => ({ title: `step ${index + 1}`, run })) };
}

describe("runParts", () => {
  it("ends with the sum of all", async () => {
    const io = testIo();
    await runParts([part(async () => ({ passed: 2, failed: 0 })), part(async () => ({ passed: 3, failed: 0 }))], io);
    expect(io.out()).toMatch(/\n5 passed, 0 failed\n$/);
  });

  it("goes on behind what failed, and fails", async () => {
    const io = testIo();
    const missing = async () => {
      throw new K3osError("host", "Go is missing.", { hint: "Install it." });
    };
    await expect(runParts([part(missing, async () => ({ passed: 3, failed: 1 }))], io)).rejects.toThrow(Told);
    expect(io.out()).toContain("Go is missing.\n  Install it.");
    expect(io.out()).toMatch(/\n3 passed, 2 failed\n$/);
  });
});

it("selects parts by name, all when none is named", () => {
  expect(selectParts([]).map(({ name }) => name)).toEqual(["unit", "kube", "vm"]);
  expect(selectParts(["vm", "unit"]).map(({ name }) => name)).toEqual(["unit", "vm"]);
});

it("counts a run of vitest that broke before its tests", () => {
  expect(tallyOf({ numPassedTests: 4, numFailedTests: 0 }, 0)).toEqual({ passed: 4, failed: 0 });
  expect(tallyOf({ numPassedTests: 4, numFailedTests: 2 }, 1)).toEqual({ passed: 4, failed: 2 });
  expect(tallyOf({}, 1)).toEqual({ passed: 0, failed: 1 });
});

describe("GoReport", () => {
  it("counts tests, shows results of packages and what failed tests printed", () => {
    let shown = "";
    const report = new GoReport((text) => {
      shown += text;
    });
    const events = [
      { Action: "run", Package: "p", Test: "TestA" },
      { Action: "output", Package: "p", Test: "TestA", Output: "quiet\n" },
      { Action: "pass", Package: "p", Test: "TestA" },
      { Action: "output", Package: "p", Test: "TestB", Output: "b_test.go:3: wrong\n" },
      { Action: "fail", Package: "p", Test: "TestB" },
      { Action: "output", Package: "p", Output: "FAIL\tp\t0.1s\n" },
      { Action: "fail", Package: "p" },
    ];
    for (const event of events) report.add(JSON.stringify(event));
    report.add("# q\nq.go:1:1: undefined: x");
    expect(shown).toBe("b_test.go:3: wrong\nFAIL\tp\t0.1s\n# q\nq.go:1:1: undefined: x\n");
    expect(report.tally(1)).toEqual({ passed: 1, failed: 1 });
  });
});
