import { describe, expect, it } from "vitest";
import type { MemoryHost } from "../../host/memory.ts";
import { silent } from "../../progress.ts";
import { readJournal } from "../slots/journal.ts";
import { imageOf, installedDisk, PLACES, powerOn } from "../slots/testing.ts";
import { commitTrial, returnFromTrial, settleTrial } from "../slots/trial.ts";
import type { UpgradeOptions } from "./upgrade.ts";
import { restartAndStay, upgradeAndWait } from "./wait.ts";

const config = { k3os: { upgrade: { unsigned: true } } };
const options: UpgradeOptions = {
  ...{ place: "/image/2.0-a", version: undefined, stageOnly: false, reboot: true, allowDowngrade: false, retry: false },
};

/** A node on 1.0, an image of 2.0, and what the upgrade says while it waits. */
async function node() {
  const host = await installedDisk();
  for (const version of ["2.0", "3.0"]) imageOf(host, version);
  const said: string[] = [];
  const upgrade = (more: Partial<UpgradeOptions> = {}) =>
    upgradeAndWait(host, config, { ...options, ...more }, silent, (text) => void said.push(text));
  return { host, said, upgrade };
}

/** Has something happen when the host sleeps for the nth time. */
function onSleep(host: MemoryHost, nth: number, happen: () => unknown): () => number {
  const { sleep } = host;
  let count = 0;
  host.sleep = async (milliseconds) => {
    // A shorter one is that of a copy, which shows how far it is.
    if (milliseconds >= 5000 && ++count === nth) await happen();
    if (count > 1000) throw new Error("it waits for ever");
    return sleep(milliseconds);
  };
  return () => count;
}

describe("an upgrade that is run again after each restart until it is decided", () => {
  it("waits in the trial until the image is kept, and has nothing to do then", async () => {
    const { host, said, upgrade } = await node();
    expect(await upgrade()).toMatchObject({ state: "armed", version: "2.0" });
    expect(powerOn(host)).toMatchObject({ trial: true });
    const slept = onSleep(host, 3, () => commitTrial(host));
    expect(await upgrade()).toMatchObject({ state: "current", slot: "b", version: "2.0" });
    expect([slept(), said]).toEqual([3, [expect.stringContaining("waiting: this boot is a trial of 2.0")]]);
  });

  it("looks at one file each time, and starts no program, while it waits", async () => {
    const { host, upgrade } = await node();
    await upgrade();
    powerOn(host);
    const before = host.ran.length;
    onSleep(host, 50, async () => {
      expect(host.ran.length).toBe(before);
      await commitTrial(host);
    });
    await upgrade();
  });

  it("refuses, with the reason, an image that was given up, and does not stage it again", async () => {
    const { host, said, upgrade } = await node();
    await upgrade();
    powerOn(host);
    await returnFromTrial(host, "not Ready within 10 min: k3s is not started");
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    for (let run = 0; run < 2; run++) {
      await expect(upgrade()).rejects.toMatchObject({
        message: "2.0 was tried on this node and given up: not Ready within 10 min: k3s is not started",
      });
    }
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    expect(said).toEqual([]);
  });

  it("refuses an image whose trial ended without a word", async () => {
    const { host, upgrade } = await node();
    await upgrade();
    // Both tries are spent by a kernel that panics.
    powerOn(host);
    powerOn(host);
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    await settleTrial(host);
    await expect(upgrade()).rejects.toThrow("2.0 was tried on this node and given up");
  });

  it("goes on when it was interrupted after the trial was armed", async () => {
    const { host, upgrade } = await node();
    await upgrade();
    expect(await upgrade()).toMatchObject({ state: "armed", slot: "b" });
    expect(powerOn(host)).toMatchObject({ trial: true });
  });

  it("goes on with its own image when another one was kept meanwhile", async () => {
    const { host, upgrade } = await node();
    await upgrade();
    powerOn(host);
    onSleep(host, 1, () => commitTrial(host));
    expect(await upgrade({ place: "/image/3.0-a" })).toMatchObject({ state: "armed", version: "3.0", slot: "a" });
  });

  it("waits while another upgrade is at work, and says so once", async () => {
    const { host, said, upgrade } = await node();
    host.mkdir("/proc/7");
    host.write("/proc/7/stat", host.readText("/proc/100/stat").replace("100", "7"));
    host.symlink(
      `7@${
        host
          .readText("/proc/7/stat")
          .replace(/^.*\) /, "")
          .split(" ")[19]
      }`,
      "/run/k3os/upgrade.lock",
    );
    const slept = onSleep(host, 4, () => host.remove("/run/k3os/upgrade.lock"));
    expect(await upgrade()).toMatchObject({ state: "armed" });
    expect([slept(), said]).toEqual([4, ["waiting: another upgrade is at work (process 7)"]]);
  });
});

describe("the restart into the trial", () => {
  it("is not survived by the process that has asked for it, unless the machine does not restart", async () => {
    const { host, upgrade } = await node();
    await upgrade();
    const exec = host.exec;
    const started: string[] = [];
    host.exec = async (argv, more) => {
      if (argv[0] !== "openrc-shutdown") return exec(argv, more);
      started.push(argv.join(" "));
      return { status: 0, stdout: "", stderr: "" };
    };
    const slept = onSleep(host, 1, () => expect(started).toEqual(["openrc-shutdown --reboot now"]));
    await expect(restartAndStay(host)).rejects.toMatchObject({
      kind: "machine",
      message: "this machine was told to restart 10 min ago, and still runs",
    });
    expect(slept()).toBe(120);
    expect(readJournal(host, PLACES.state).candidate?.stoppedAt).toBeDefined();
  });
});
