import { expect, it } from "vitest";
import { runForeground } from "./foreground.ts";

it("returns the program's status", async () => {
  expect(await runForeground({ argv: ["sh", "-c", "exit $STATUS"], env: { STATUS: "7" } })).toBe(7);
});

it.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("passes %s on, so that no program outlives us", async (signal, status) => {
  const ended = runForeground({ argv: ["sleep", "60"], env: {} });
  process.emit(signal, signal);
  expect(await ended).toBe(status);
  expect(process.listenerCount(signal)).toBe(0);
});
