import { describe, expect, it } from "vitest";
import type { Host } from "../../host/host.ts";
import type { MemoryHost } from "../../host/memory.ts";
import { silent } from "../../progress.ts";
import { forgetRefused } from "../slots/given-up.ts";
import { readJournal } from "../slots/journal.ts";
import { contentOf, imageOf, installedDisk, PLACES, powerOn, withEveryCut } from "../slots/testing.ts";
import { commitTrial, returnFromTrial, settleTrial } from "../slots/trial.ts";
import { upgradeStatus } from "./describe.ts";
import { prune } from "./prune.ts";
import { rollback } from "./rollback.ts";
import { type UpgradeOptions, upgrade, WORK } from "./upgrade.ts";

const config = { k3os: { upgrade: { unsigned: true } } };
const state = PLACES.state;

const nothing: UpgradeOptions = {
  ...{ place: undefined, version: undefined, stageOnly: false, reboot: true, allowDowngrade: false, retry: false },
};

const to = (host: Host, image: string, options: Partial<UpgradeOptions> = {}) =>
  upgrade(host, config, { ...nothing, place: `/image/${image}`, ...options }, silent);

/** A node on 1.0 with images of other versions at /image. */
async function node(): Promise<MemoryHost> {
  const host = await installedDisk();
  for (const version of ["0.9", "1.0", "2.0", "3.0"]) imageOf(host, version);
  return host;
}

describe("k3os upgrade", () => {
  it("arms a trial of another image", async () => {
    const host = await node();
    expect(await to(host, "2.0-a")).toMatchObject({ version: "2.0", slot: "b", state: "armed" });
    expect(readJournal(host, state).candidate).toMatchObject({ version: "2.0", phase: "armed" });
    expect(powerOn(host)).toEqual({ slot: "b", trial: true, content: "2.0-a" });
  });

  it("only stages it if that is asked for, and goes on from there", async () => {
    const host = await node();
    expect(await to(host, "2.0-a", { stageOnly: true })).toMatchObject({ state: "staged" });
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    const ran = host.ran.length;
    expect(await to(host, "2.0-a")).toMatchObject({ state: "armed" });
    expect(host.ran.slice(ran).map(([program]) => program)).not.toContain("cp");
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true });
  });

  it("arms what is staged, if it is named by its digest, without its source", async () => {
    const host = await node();
    const { version, digest } = await to(host, "2.0-a", { stageOnly: true });
    host.remove("/image");
    const options = { ...nothing, version, digest };
    expect(await upgrade(host, {}, options, silent)).toMatchObject({ state: "armed", slot: "b" });
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true, content: "2.0-a" });
  });

  it("has nothing to do for the image that runs, and reads none of its files", async () => {
    const host = await node();
    host.write("/image/1.0-a/root.squashfs", "damaged");
    expect(await to(host, "1.0-a")).toMatchObject({ state: "current", slot: "a" });
    expect(readJournal(host, state).candidate).toBeUndefined();
  });

  it("refuses an older image before it writes anything, unless it is told to", async () => {
    const host = await node();
    await expect(to(host, "0.9-a")).rejects.toMatchObject({
      message: "0.9 is older than 1.0, which runs",
      hint: expect.stringContaining("--allow-downgrade"),
    });
    expect(contentOf(host, "b")).toEqual([]);
    expect(await to(host, "0.9-a", { allowDowngrade: true })).toMatchObject({ state: "armed" });
  });

  it("refuses an image that was given up, unless it is told to try again", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await returnFromTrial(host, "k3s did not start");
    powerOn(host);
    await expect(to(host, "2.0-a")).rejects.toMatchObject({
      message: "2.0 was tried on this node and given up: k3s did not start",
      hint: expect.stringContaining("--retry"),
    });
    expect(await to(host, "2.0-a", { retry: true })).toMatchObject({ state: "armed" });
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true });
  });

  it("refuses an image for other machines, and one without a signature, before it writes anything", async () => {
    const host = await node();
    const json = JSON.parse(host.readText("/image/2.0-a/image.json"));
    host.write("/image/2.0-a/image.json", JSON.stringify({ ...json, architecture: "arm64" }));
    await expect(to(host, "2.0-a")).rejects.toThrow("is an image for arm64");
    host.write("/image/2.0-a/image.json", JSON.stringify({ ...json, boot: "raspberry-pi" }));
    await expect(to(host, "2.0-a")).rejects.toThrow("is an image for a Raspberry Pi");
    await expect(upgrade(host, {}, { ...nothing, place: "/image/3.0-a" }, silent)).rejects.toMatchObject({
      kind: "integrity",
      hint: expect.stringContaining("k3os.upgrade.unsigned"),
    });
    expect(contentOf(host, "b")).toEqual([]);
  });

  it("also takes a signature by a key that is named with the image, for this once", async () => {
    const memory = await node();
    const verify = () => ({ status: 0, stdout: "Good signature with key SHA256:abc\n", stderr: "" });
    const host: Host = {
      ...memory,
      exec: async (argv, options) => (argv[3] === "verify" ? verify() : memory.exec(argv, options)),
    };
    host.write("/image/2.0-a/image.json.sig", "signature");
    let signers = "";
    const { write } = host;
    host.write = (path, data, options) => {
      if (path === `${WORK}/signers`) signers = String(data);
      write(path, data, options);
    };
    const key = "ssh-ed25519 AAAA";
    expect(await upgrade(host, {}, { ...nothing, place: "/image/2.0-a", key }, silent)).toMatchObject({
      state: "armed",
    });
    expect(signers).toContain(`k3os-release namespaces="k3os-image" ${key}`);
    await expect(upgrade(host, {}, { ...nothing, place: "/image/3.0-a" }, silent)).rejects.toThrow("no key is known");
  });

  it("refuses while a trial is not decided, and while the version before runs by hand", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await expect(to(host, "3.0-a")).rejects.toMatchObject({
      kind: "busy",
      message: expect.stringContaining("is a trial"),
    });
    await commitTrial(host);
    expect(await to(host, "2.0-a")).toMatchObject({ state: "current", slot: "b" });
    host.write("/proc/cmdline", "k3os.slot=a quiet\n");
    await expect(to(host, "3.0-a")).rejects.toThrow("this boot runs from slot a, and slot b is the one that is kept");
  });

  it("says that there is nothing to upgrade to without a source", async () => {
    await expect(upgrade(await node(), config, nothing, silent)).rejects.toMatchObject({
      hint: expect.stringContaining("k3os.upgrade.source"),
    });
  });

  it("keeps a bootable 1.0 at every moment, and a second run completes it", async () => {
    const cuts = await withEveryCut(
      node,
      (host) => to(host, "2.0-a"),
      async (host) => {
        const boot = powerOn(host);
        expect(boot).toMatchObject(boot.trial ? { content: "2.0-a" } : { content: "1.0-a" });
        if (boot.trial) return;
        expect(await to(host, "2.0-a")).toMatchObject({ state: "armed" });
        expect(powerOn(host)).toMatchObject({ trial: true, content: "2.0-a" });
      },
    );
    expect(cuts).toBeGreaterThan(30);
  });
});

describe("k3os rollback", () => {
  const committed = async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await commitTrial(host);
    powerOn(host);
    return host;
  };

  it("goes back to the version before, and does not offer the other one to itself again", async () => {
    const host = await committed();
    expect(await rollback(host)).toMatchObject({ version: "1.0", slot: "a", needsRestart: true });
    expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
    await expect(to(host, "2.0-a")).rejects.toThrow("k3os rollback");
  });

  it("goes back in the boot in which the trial was kept, too, and that boot can be upgraded", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await commitTrial(host);
    expect(await to(host, "3.0-a", { stageOnly: true })).toMatchObject({ slot: "a" });
    const other = await node();
    await to(other, "2.0-a");
    powerOn(other);
    await commitTrial(other);
    expect(await rollback(other)).toMatchObject({ version: "1.0", slot: "a", needsRestart: true });
    expect(powerOn(other)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
  });

  it("goes there and back in the boot in which the trial was kept", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await commitTrial(host);
    expect(await rollback(host)).toMatchObject({ version: "1.0", needsRestart: true });
    expect(await rollback(host)).toMatchObject({ version: "2.0", needsRestart: false });
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: false });
  });

  const NOTHING = "there is no version before on this disk: slot b has 2.0, which";

  it("gives up a trial, and does not go to that image by being asked once more", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    expect(await rollback(host)).toMatchObject({ version: "1.0", needsRestart: true });
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    await expect(rollback(host)).rejects.toThrow(`${NOTHING} was given up: somebody gave it up in its trial`);
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
  });

  it("gives up the trial that the next boot would be", async () => {
    const host = await node();
    await to(host, "2.0-a");
    expect(await rollback(host)).toMatchObject({ version: "1.0", slot: "a", needsRestart: false });
    expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
    await expect(rollback(host)).rejects.toThrow(`${NOTHING} was given up: somebody gave it up before its trial`);
    expect(await to(host, "2.0-a", { retry: true })).toMatchObject({ state: "armed" });
  });

  it("gives one up, too, that the boot menu was kept from starting", async () => {
    const host = await node();
    await to(host, "2.0-a");
    expect(await settleTrial(host)).toContain("was not tried");
    expect(await rollback(host)).toMatchObject({ version: "1.0", slot: "a", needsRestart: false });
    await expect(to(host, "2.0-a")).rejects.toThrow("somebody gave it up before its trial");
  });

  it("gives that up after a power cut at any moment, or tries it", async () => {
    const armed = async () => {
      const host = await node();
      await to(host, "2.0-a");
      return host;
    };
    await withEveryCut(armed, rollback, async (host) => {
      expect(["1.0-a", "2.0-a"]).toContain(powerOn(host).content);
      powerOn(host);
      expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
    });
  });

  it("does not go to an image that came back from its trial", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await returnFromTrial(host, "k3s did not start");
    powerOn(host);
    await expect(rollback(host)).rejects.toMatchObject({
      message: `${NOTHING} was given up: k3s did not start`,
      hint: expect.stringContaining("sudo k3os upgrade"),
    });
    expect(powerOn(host)).toMatchObject({ slot: "a" });
  });

  it("does not go to it either when what was given up was forgotten, so that it is tried once more", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await returnFromTrial(host, "k3s did not start");
    powerOn(host);
    await forgetRefused(host);
    await expect(rollback(host)).rejects.toThrow(`${NOTHING} was never found healthy here`);
    expect((await upgradeStatus(host)).slots).toMatchObject([{ state: "current" }, { state: "staged" }]);
  });

  it("does not go to an image whose staging a power cut has interrupted", async () => {
    await withEveryCut(
      node,
      (host) => to(host, "2.0-a", { stageOnly: true }),
      async (host) => {
        powerOn(host);
        await expect(rollback(host)).rejects.toThrow("there is no version before on this disk");
      },
    );
  });

  it("does not go to an image that is only staged", async () => {
    const host = await node();
    await to(host, "2.0-a", { stageOnly: true });
    await expect(rollback(host)).rejects.toThrow(`${NOTHING} is staged, and was never tried`);
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
  });

  it("goes back from an image that was kept in this boot", async () => {
    const host = await node();
    await to(host, "2.0-a");
    powerOn(host);
    await commitTrial(host);
    expect(await rollback(host)).toMatchObject({ version: "1.0", slot: "a", needsRestart: true });
    expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
  });

  it("keeps the version before if that was started by hand", async () => {
    const host = await committed();
    host.write("/proc/cmdline", "k3os.slot=a quiet\n");
    expect(await rollback(host)).toMatchObject({ version: "1.0", needsRestart: false });
    expect(powerOn(host)).toMatchObject({ slot: "a" });
  });

  it("says that there is nothing to go back to", async () => {
    await expect(rollback(await node())).rejects.toThrow("there is no version before on this disk");
  });

  it("boots the one or the other after a power cut at any moment, and `current` leads to it", async () => {
    await withEveryCut(committed, rollback, async (host) => {
      const { content } = powerOn(host);
      expect(["1.0-a", "2.0-a"]).toContain(content);
      await settleTrial(host);
      expect(host.readLink(`${state}/k3os/system/current`)).toMatch(content.split("-")[0] ?? "");
    });
  });

  it("gives up a trial, too, that was just about to be kept when its supervisor was killed", async () => {
    const onTrial = async () => {
      const host = await node();
      await to(host, "2.0-a");
      powerOn(host);
      return host;
    };
    await withEveryCut(onTrial, commitTrial, async (host) => {
      if (readJournal(host, state).candidate === undefined) return;
      expect(await rollback(host)).toMatchObject({ version: "1.0", slot: "a", needsRestart: true });
      expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
    });
  });

  it("leaves `current` where it is while another slot runs by hand", async () => {
    const host = await committed();
    host.write("/proc/cmdline", host.readText("/proc/cmdline").replace("k3os.slot=b", "k3os.slot=a"));
    const before = host.readLink(`${state}/k3os/system/current`);
    host.write("/proc/cmdline", host.readText("/proc/cmdline").replace(/system\/2\.0-\w+/, "system/1.0-0"));
    await settleTrial(host);
    expect(host.readLink(`${state}/k3os/system/current`)).toBe(before);
  });
});

it("leaves only the images of the two slots, after twenty upgrades, each kept or undone", async () => {
  const host = await node();
  let running = "1.0-a";
  for (let count = 0; count < 20; count++) {
    const next = ["2.0-a", "3.0-a", "1.0-a"].find(
      (image) => !contentOf(host, "a").concat(contentOf(host, "b")).includes(image),
    );
    await to(host, `${next}`, { allowDowngrade: true, retry: true });
    expect(powerOn(host)).toMatchObject({ trial: true, content: next });
    await commitTrial(host);
    if (count % 3 === 0) await rollback(host);
    else running = `${next}`;
    expect(powerOn(host)).toMatchObject({ trial: false, content: running });
  }
  expect(host.list(`${state}/k3os/system`).filter((name) => /^\d/.test(name))).toHaveLength(2);
});

describe("k3os prune", () => {
  it("removes what no slot needs, and nothing else", async () => {
    const host = await node();
    await to(host, "2.0-a");
    host.mkdir(`${state}/k3os/system/0.1-00000000`);
    host.write(`${state}/k3os/system/config.yaml`, "x");
    host.mkdir(`${state}/k3os/upgrade/image`);
    expect(await prune(host)).toEqual(["0.1-00000000", "an unfinished download"]);
    expect([contentOf(host, "a"), contentOf(host, "b")]).toEqual([["1.0-a"], ["2.0-a"]]);
    expect(host.stat(`${state}/k3os/system/config.yaml`)).toBeDefined();
    expect(await prune(host)).toEqual([]);
  });

  it("takes an ISO off that an interrupted upgrade has left mounted, before it removes anything below it", async () => {
    const host = await node();
    host.mkdir(`${WORK}/iso`);
    host.append("/proc/mounts", `/dev/loop1 ${WORK}/iso iso9660 ro 0 0\n`);
    const { remove } = host;
    host.remove = (path) => {
      if (path === WORK) expect(host.ran).toContainEqual(["umount", `${WORK}/iso`]);
      remove(path);
    };
    await prune(host);
    expect(host.stat(WORK)).toBeUndefined();
  });
});
