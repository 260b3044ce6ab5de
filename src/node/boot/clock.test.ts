import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { CLOCK_WAS_WRONG, correctClock } from "./clock.ts";

const IMAGE = "/usr/share/k3os/image.json";
const BUILT = Date.UTC(2026, 10, 24);
const DAY = 86_400_000;

/** A machine whose clock is at `now`, with files written at other times. */
async function machine(now: number, written: Readonly<Record<string, number>> = {}) {
  const host = memoryHost({ files: { "/run/k3os/mode": "" }, programs: { date: () => ({}) } });
  for (const [path, time] of Object.entries({ [IMAGE]: BUILT, ...written }).sort(([, a], [, b]) => a - b)) {
    await host.sleep(time - host.now());
    host.mkdir(path.slice(0, path.lastIndexOf("/")));
    host.write(path, "");
  }
  await host.sleep(now - host.now());
  await correctClock(host);
  return host;
}

describe("correctClock", () => {
  it("leaves a clock alone that may be right, without a process", async () => {
    const host = await machine(BUILT + DAY);
    expect(host.ran).toEqual([]);
    expect(host.stat(CLOCK_WAS_WRONG)).toBeUndefined();
  });

  it("moves one that cannot be right to when the image was built, and tells k3s", async () => {
    const host = await machine(0);
    expect(host.ran).toEqual([["date", "-u", "-s", `@${BUILT / 1000}`]]);
    expect(host.stat(CLOCK_WAS_WRONG)).toBeDefined();
  });

  it("moves it to when the node was last seen", async () => {
    const host = await machine(BUILT, { "/var/log/messages": BUILT + DAY, "/var/lib/chrony/drift": BUILT + 2 * DAY });
    expect(host.ran).toEqual([["date", "-u", "-s", `@${(BUILT + 2 * DAY) / 1000}`]]);
  });

  it("believes no file from the far future", async () => {
    const host = await machine(BUILT, { "/var/log/messages": BUILT + 80 * 365 * DAY });
    expect(host.ran).toEqual([]);
  });
});
