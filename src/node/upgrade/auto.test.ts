import { describe, expect, it } from "vitest";
import type { Config } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { ExecOptions } from "../../host/host.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { ChannelError } from "../../image/index-json.ts";
import { writeNote } from "../agent/note.ts";
import { contentOf, installedDisk, powerOn, publishImage } from "../slots/testing.ts";
import { returnFromTrial } from "../slots/trial.ts";
import { type AutoTools, autoUpgrade } from "./auto.ts";
import { lastAuto } from "./auto-note.ts";
import { followAuto } from "./auto-service.ts";
import { upgrade } from "./upgrade.ts";

/** A Sunday, at 00:00 UTC. */
const SUNDAY = Date.UTC(2026, 10, 29);
const at2 = { start: "02:00", duration: "4h", time_zone: "Europe/Berlin" };

/** Berlin in winter. */
const date = (_: readonly string[], { env }: ExecOptions) => ({
  stdout: env?.TZ === "Europe/Berlin" ? "+0100\n" : "+0000\n",
});

/** A node that follows the channel of the directory /www. */
const following = (window?: typeof at2): Config => ({
  k3os: { upgrade: { auto: true, unsigned: true, source: "/www", ...(window && { window }) } },
});

/** Until then the channel holds. */
const EXPIRES = "2026-12-06T00:00:00Z";

/** A node on 1.0.0, whose channel says that this is the latest. */
async function node(latest: string): Promise<MemoryHost> {
  const host = await installedDisk();
  publishImage(host, latest, EXPIRES);
  const { exec } = host;
  host.exec = async (argv, options = {}) =>
    argv[0] === "date" ? { status: 0, stderr: "", ...date(argv, options) } : exec(argv, options);
  host.mkdir("/usr/share/zoneinfo/Europe");
  host.write("/usr/share/zoneinfo/Europe/Berlin", "");
  return host;
}

const restarts = (): AutoTools & { count: number } => {
  const tools = { upgrade, random: () => 0.5, count: 0, restart: async () => void tools.count++ };
  return tools;
};

describe("a node that upgrades itself", () => {
  it("has nothing to do when it runs the latest, and looks again in about an hour", async () => {
    const host = await node("1.0");
    expect(await autoUpgrade(host, following(), restarts())).toBe(3900);
    expect(lastAuto(host)).toMatchObject({ state: "UpToDate", message: "1.0 is the latest" });
  });

  it("tries a newer image at once without a window", async () => {
    const host = await node("2.0");
    const tools = restarts();
    await autoUpgrade(host, following(), tools);
    expect(lastAuto(host)).toMatchObject({ state: "Restarting", message: "2.0 is tried" });
    expect(tools.count).toBe(1);
    expect(powerOn(host)).toMatchObject({ trial: true, content: "2.0-a" });
  });

  it("stages it ahead of the window, and tries it soon after that opens", async () => {
    const host = await node("2.0");
    const tools = restarts();
    // 02:00 in Berlin is 01:00 UTC.
    const delay = await autoUpgrade(host, following(at2), tools);
    expect(Math.abs(host.now() + delay * 1000 - (SUNDAY + 3_750_000))).toBeLessThan(1000);
    expect(lastAuto(host)).toMatchObject({
      state: "Staged",
      message: "2.0 is staged, to be tried from 2026-11-29 01:00 UTC on",
    });
    expect(contentOf(host, "b")).toEqual(["2.0-a"]);
    expect(powerOn(host)).toMatchObject({ trial: false, content: "1.0-a" });
    await host.sleep(delay * 1000);
    await autoUpgrade(host, following(at2), tools);
    expect(tools.count).toBe(1);
    expect(powerOn(host)).toMatchObject({ trial: true, content: "2.0-a" });
  });

  it("looks again each hour while the window is far away", async () => {
    const host = await node("2.0");
    await host.sleep(6 * 3_600_000);
    expect(await autoUpgrade(host, following(at2), restarts())).toBe(3900);
    expect(lastAuto(host)?.message).toContain("2026-11-30 01:00 UTC");
  });

  it("does not try an image again that was given up, and says so", async () => {
    const host = await node("2.0");
    const tools = restarts();
    await autoUpgrade(host, following(), tools);
    powerOn(host);
    await returnFromTrial(host, "k3s did not start");
    powerOn(host);
    await autoUpgrade(host, following(), tools);
    expect(lastAuto(host)).toMatchObject({
      state: "GivenUp",
      message: "2.0 was tried on this node and given up: k3s did not start",
    });
    expect(tools.count).toBe(1);
    publishImage(host, "3.0", EXPIRES);
    await autoUpgrade(host, following(), tools);
    expect(lastAuto(host)?.state).toBe("Restarting");
  });

  it("takes nothing from a channel that has expired", async () => {
    const host = await node("2.0");
    await host.sleep(8 * 86_400_000);
    await autoUpgrade(host, following(), restarts());
    expect(lastAuto(host)).toMatchObject({ state: "ChannelStale" });
    expect(contentOf(host, "b")).toEqual([]);
  });

  it("waits for a clock that is right, and goes on when a time server answers", async () => {
    const host = await node("2.0");
    host.write("/run/k3os/clock-not-set", "");
    expect(await autoUpgrade(host, following(), restarts())).toBe(750);
    expect(lastAuto(host)).toMatchObject({ state: "Waiting" });
    expect(contentOf(host, "b")).toEqual([]);
    const { exec } = host;
    host.exec = async (argv, options) =>
      argv[0] === "chronyc" ? { status: 0, stdout: "", stderr: "" } : exec(argv, options);
    await autoUpgrade(host, following(), restarts());
    expect(lastAuto(host)?.state).toBe("Restarting");
  });

  it("leaves the image to a MachinePool that chooses one", async () => {
    const host = await node("2.0");
    writeNote(host, { restarted: {}, retried: {}, givenUp: [], imageFrom: "agents" });
    await autoUpgrade(host, following(), restarts());
    expect(lastAuto(host)).toMatchObject({
      state: "Pool",
      message: "the MachinePool agents chooses the image of this node",
    });
    expect(contentOf(host, "b")).toEqual([]);
  });

  it("keeps the window closed if its zone is not known", async () => {
    const host = await node("2.0");
    const tools = restarts();
    await autoUpgrade(host, following({ ...at2, time_zone: "Mars/Base" }), tools);
    expect(lastAuto(host)).toMatchObject({ state: "Failed", message: expect.stringContaining("Mars/Base") });
    expect(tools.count).toBe(0);
  });

  it.each([
    [new K3osError("network", "no route to the server"), "Failed", 3900],
    [new K3osError("busy", "this boot is a trial"), "Waiting", 750],
    [new ChannelError("Downgrade", "0.9 is older", ""), "Downgrade", 3900],
  ])("notes why it did nothing: %s", async (error, state, delay) => {
    const host = await node("2.0");
    const tools = { ...restarts(), upgrade: () => Promise.reject(error) };
    expect(await autoUpgrade(host, following(), tools)).toBe(delay);
    expect(lastAuto(host)).toEqual({ at: host.now(), state, message: error.message });
  });

  it("logs only news", async () => {
    const host = await node("1.0");
    host.mkdir("/dev");
    host.write("/dev/kmsg", "");
    const said: string[] = [];
    host.poke = (_, text) => void said.push(text);
    await autoUpgrade(host, following(), restarts());
    await host.sleep(3_600_000);
    await autoUpgrade(host, following(), restarts());
    expect(said).toEqual(["k3os: auto: 1.0 is the latest\n"]);
    expect(lastAuto(host)?.at).toBeGreaterThan(SUNDAY + 3_600_000);
  });
});

describe("its service", () => {
  const on = following();

  it("follows the config without a reboot", async () => {
    const host = memoryHost({ files: { "/etc/runlevels/default/k3s": "" }, programs: { "rc-service": () => ({}) } });
    host.mkdir("/etc/init.d");
    await followAuto(host, on, "local");
    expect(host.readLink("/etc/init.d/k3os-auto")).toBe("/usr/lib/k3os/services/k3os-auto");
    host.mkdir("/run/openrc/started");
    host.symlink("/etc/init.d/k3os-auto", "/run/openrc/started/k3os-auto");
    await followAuto(host, on, "local");
    await followAuto(host, {}, "local");
    expect(host.stat("/etc/runlevels/default/k3os-auto")).toBeUndefined();
    expect(host.ran).toEqual([
      ["rc-service", "k3os-auto", "start"],
      ["rc-service", "k3os-auto", "stop"],
    ]);
  });

  it("is not for a node that runs in memory", async () => {
    const host = memoryHost();
    await followAuto(host, on, "live");
    expect(host.ran).toEqual([]);
  });
});
