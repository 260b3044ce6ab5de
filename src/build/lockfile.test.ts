import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { withLock } from "./lockfile.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-lock-"));
afterAll(() => rmSync(dir, { recursive: true }));
const never = new AbortController().signal;

it("lets one in after the other", async () => {
  const events: string[] = [];
  const visit = (name: string) =>
    withLock(join(dir, "a"), never, async () => {
      events.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name} out`);
    });
  await Promise.all([visit("one"), visit("two")]);
  expect(events.map((event) => event.split(" ")[1])).toEqual(["in", "out", "in", "out"]);
});

it("tells a lock that cannot be made from a user who stopped waiting", async () => {
  const action = async () => {};
  await expect(withLock(join(dir, "none/a"), never, action)).rejects.toThrow(/^The cache cannot be locked: .*none\/a/);
  await expect(withLock(join(dir, "a"), AbortSignal.abort(), action)).rejects.toThrow("Interrupted.");
});
