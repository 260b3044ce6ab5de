import { describe, expect, it } from "vitest";
import { K3osError } from "../../errors.ts";
import { ExitWith } from "../report.ts";
import { testIo } from "../test-io.ts";
import { GoReport } from "./go.ts";
import { type Part, runParts } from "./parts.ts";
import { lastLine, slowest, type Tally } from "./tally.ts";
import { tallyOf } from "./vitest.ts";

function part(...runs: (() => Promise<Tally>)[]): Part {
  return runs.map((run, index) => ({ title: `step ${index + 1}`, run }));
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
    await expect(runParts([part(missing, async () => ({ passed: 3, failed: 1 }))], io)).rejects.toThrow(ExitWith);
    expect(io.out()).toContain("Go is missing.\n  Install it.");
    expect(io.out()).toMatch(/\n3 passed, 2 failed\n$/);
  });

  it("tells what took longest, what failed, what was skipped, and what there is to know besides, above the sum", async () => {
    const io = testIo();
    const tally = {
      passed: 1,
      failed: 0,
      skipped: ["disk"],
      times: [{ name: "a boot", seconds: 61 }],
      failures: ["disk: a disk boots: no"],
      notes: ["note"],
    };
    await runParts([part(async () => tally)], io);
    expect(io.out()).toMatch(
      /What took longest:\n {3}61\.0 s {2}a boot\n\nWhat failed:\n {2}disk: a disk boots: no\n\nnote\n\nstep 1 .*, skipped: disk\n1 passed, 0 failed, 1 skipped\n$/,
    );
  });
});

it("counts skipped files in the last line only if there are any", () => {
  expect(lastLine({ passed: 3, failed: 1 })).toBe("3 passed, 1 failed");
  expect(lastLine({ passed: 3, failed: 1, skipped: ["disk", "node"] })).toBe("3 passed, 1 failed, 2 skipped");
});

it("shows the ten slowest, slowest first, and nothing below a second", () => {
  const times = Array.from({ length: 12 }, (_, index) => ({ name: `test ${index}`, seconds: index + 0.96 }));
  const lines = slowest(times);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe("   12.0 s  test 11");
  expect(slowest([{ name: "quick", seconds: 0.99 }])).toEqual([]);
});

it("counts a run of vitest that broke before its tests", () => {
  expect(tallyOf({ numPassedTests: 4, numFailedTests: 0 }, 0)).toMatchObject({ passed: 4, failed: 0 });
  expect(tallyOf({ numPassedTests: 4, numFailedTests: 2 }, 1)).toMatchObject({ passed: 4, failed: 2 });
  expect(tallyOf({}, 1)).toEqual({ passed: 0, failed: 1, times: [], failures: [] });
});

it("has the seconds of each test of vitest, none for one that was not run", () => {
  const status = "passed";
  const assertionResults = [
    { fullName: "a disk boots", status, duration: 1500 },
    { fullName: "a disk grows", status: "skipped" },
  ];
  expect(tallyOf({ testResults: [{ name: "disk.test.ts", status, assertionResults }] }, 0).times).toEqual([
    { name: "a disk boots", seconds: 1.5 },
    { name: "a disk grows", seconds: 0 },
  ]);
});

it("names the tests of vitest that failed, or the file if it has none", () => {
  const status = "failed";
  const assertionResults = [{ fullName: "a disk boots", status, failureMessages: ["Error: no\n  at x.ts:1"] }];
  const testResults = [
    { name: "/p/disk.test.ts", status, assertionResults },
    { name: "/p/node.test.ts", status, assertionResults: [] },
  ];
  expect(tallyOf({ testResults }, 1).failures).toEqual(["a disk boots: Error: no", "node.test.ts: the file itself"]);
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
    expect(report.tally(1)).toMatchObject({ passed: 1, failed: 1, failures: ["p TestB"] });
  });

  it("has the seconds of each test; those of a subtest are in its test's", () => {
    const report = new GoReport(() => {});
    report.add(JSON.stringify({ Action: "pass", Package: "p", Test: "TestA/case", Elapsed: 2 }));
    report.add(JSON.stringify({ Action: "pass", Package: "p", Test: "TestA", Elapsed: 2.5 }));
    expect(report.tally(0).times).toEqual([{ name: "p TestA", seconds: 2.5 }]);
  });
});
