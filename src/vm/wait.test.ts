import { expect, it } from "vitest";
import { poll, sleep } from "./wait.ts";

/** Answers at the `last` question, each of them after so many milliseconds; and the times between two questions. */
function slowly(milliseconds: number, last: number) {
  const asked: number[] = [];
  const ask = async () => {
    asked.push(performance.now());
    await sleep(milliseconds);
    return asked.length === last ? "answer" : undefined;
  };
  return { ask, asked, between: () => asked.slice(1).map((time, index) => time - (asked[index] as number)) };
}

// Only how long it waits at least is said here: what a busy host adds to that is not the poll's.
it("asks no more often than it may", async () => {
  const { ask, between } = slowly(0, 3);
  expect(await poll(ask, { everyMs: 30, timeoutMs: 60_000 })).toBe("answer");
  for (const time of between()) expect(time).toBeGreaterThan(28);
});

it("waits as long after an answer as that took", async () => {
  const { ask, between } = slowly(30, 3);
  expect(await poll(ask, { everyMs: 1, timeoutMs: 60_000 })).toBe("answer");
  for (const time of between()) expect(time).toBeGreaterThan(57);
});

it("asks at least twice, and a last time when its time is over", async () => {
  const { ask, asked } = slowly(0, Number.POSITIVE_INFINITY);
  const start = performance.now();
  expect(await poll(ask, { everyMs: 60_000, timeoutMs: 30 })).toBeUndefined();
  expect(asked).toHaveLength(2);
  expect(asked[1]).toBeGreaterThan(start + 28);
});

it("ends at once when it is told to", async () => {
  const { ask } = slowly(0, Number.POSITIVE_INFINITY);
  const reason = new Error("stopped");
  const ended = poll(ask, { everyMs: 60_000, timeoutMs: 60_000, signal: AbortSignal.timeout(10) });
  await expect(ended).rejects.toThrow();
  await expect(poll(ask, { everyMs: 1, timeoutMs: 1, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
