import { expect, it } from "vitest";
import { measuredIn } from "./results.ts";

it("finds the times that tests have noted", () => {
  const printed = `=== RUN   TestTwentyAgentsJoinAtOnce
    faults_test.go:323: measured 20 agents at once: joined, last: 11.1 s
    faults_test.go:65: measured 20 agents at once: joined, first: 0.9 s
    faults_test.go:66: 18 were told to come again
--- PASS: TestTwentyAgentsJoinAtOnce (19.99s)
`;
  expect(measuredIn(printed)).toEqual([
    { what: "20 agents at once: joined, first", seconds: 0.9 },
    { what: "20 agents at once: joined, last", seconds: 11.1 },
  ]);
  expect(measuredIn("ok  \tk3os.io/kube/internal/cli\t1.2s\n")).toEqual([]);
});
