import { expect, it } from "vitest";
import { cpuSeconds } from "./cpu.ts";

it("adds user and system time, whatever the program is called", () => {
  const stat = "4711 (k3s (server) x) S 1 4711 4711 0 -1 4194560 2873 0 12 0 61 12 3 4 20 0 14 0 9123 5 6";
  expect(cpuSeconds(stat)).toBeCloseTo(0.73);
});
