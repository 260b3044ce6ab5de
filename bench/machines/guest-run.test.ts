import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { REPORT, watchGuest } from "./guest-run.ts";
import type { Line } from "./lines.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "k3os-guest-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A program that takes QEMU's place, and whose working directory is the same. */
function guest(script: string, timeoutMs = 20_000) {
  const lines: Line[] = [];
  const options = { timeoutMs, signal: new AbortController().signal, onLine: (line: Line) => void lines.push(line) };
  return { lines, report: watchGuest({ argv: ["sh", "-c", script], cwd: dir }, dir, options) };
}

it("receives all of a report, however long it is, and ends the guest when it is done", async () => {
  const count = 20_000;
  const write = `while [ $((i += 1)) -le ${count} ]; do echo "@1.00 mark $i"; done; printf '@2.00 '; echo done`;
  const { lines, report } = guest(`{ i=0; ${write}; } >>${REPORT}; sleep 600`);
  const { failure, text } = await report;
  expect(failure).toBeUndefined();
  expect(lines.map(({ rest }) => rest)).toEqual([...Array.from({ length: count }, (_, n) => `${n + 1}`), ""]);
  expect(text.split("\n")).toHaveLength(count + 2);
});

it("takes what was written right before the guest ended by itself", async () => {
  const { lines, report } = guest(`echo "@1.00 mark root" >>${REPORT}; echo no memory >&2`);
  expect((await report).failure).toBe("it ended by itself: no memory");
  expect(lines).toEqual([{ uptime: 1, kind: "mark", rest: "root" }]);
});

it("says that the guest was not done in time", async () => {
  expect((await guest("sleep 600", 100).report).failure).toBe("it did not come to an end within 0.1 s");
});

it("ends the guest when the bench is interrupted", async () => {
  const interrupted = new Error("interrupted");
  const options = { timeoutMs: 20_000, signal: AbortSignal.timeout(50), onLine: () => {} };
  await expect(watchGuest({ argv: ["sleep", "600"], cwd: dir }, dir, options)).rejects.toThrow(/timeout/);
  const already = { ...options, signal: AbortSignal.abort(interrupted) };
  await expect(watchGuest({ argv: ["sleep", "600"], cwd: dir }, dir, already)).rejects.toThrow(interrupted);
});
