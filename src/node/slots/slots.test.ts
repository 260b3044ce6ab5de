import { describe, expect, it } from "vitest";
import { BOOT_ENV, SLOT_FILE, SLOT_KERNEL } from "../../image/grub.ts";
import { withEsp } from "./esp.ts";
import { readJournal } from "./journal.ts";
import { noteTrialStage } from "./note.ts";
import { readSlots } from "./slots.ts";
import { makeRoomToFetch, stageImage } from "./stage.ts";
import {
  contentOf,
  diskInMemory,
  FULL,
  imageOf,
  installedDisk,
  NEARLY_FULL,
  PLACES,
  powerOn,
  withEveryCut,
} from "./testing.ts";
import { armTrial, commitTrial, noteStop, onTrial, repairEnv, returnFromTrial, settleTrial } from "./trial.ts";

const { esp, state } = PLACES;
const systems = `${state}/k3os/system`;

describe("an image that is staged", () => {
  it("goes into the slot that is not good, and nothing boots it yet", async () => {
    const host = await installedDisk();
    expect(await stageImage(host, PLACES, imageOf(host, "2.0"), FULL)).toBe("b");
    expect(contentOf(host, "a")).toEqual(["1.0-a"]);
    expect(contentOf(host, "b")).toEqual(["2.0-a"]);
    expect(readSlots(host, PLACES).records.b).toMatchObject({ version: "2.0", arguments: ["nosmt"] });
    expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
  });

  it("is the first on an empty disk, in slot a", async () => {
    const host = diskInMemory();
    expect(await stageImage(host, PLACES, imageOf(host, "1.0"), FULL)).toBe("a");
  });

  it("may be another build of the version that runs", async () => {
    const host = await installedDisk();
    await stageImage(host, PLACES, imageOf(host, "1.0", "b"), FULL);
    expect([contentOf(host, "a"), contentOf(host, "b")]).toEqual([["1.0-a"], ["1.0-b"]]);
  });

  it("is not written again if it is there", async () => {
    const host = await installedDisk();
    await stageImage(host, PLACES, imageOf(host, "2.0"), FULL);
    const ran = host.ran.length;
    expect(await stageImage(host, PLACES, imageOf(host, "2.0"), FULL)).toBe("b");
    expect(host.ran.length).toBe(ran);
  });

  it("is refused if what was written reads back differently, and its slot does not count", async () => {
    const host = await installedDisk();
    const image = imageOf(host, "2.0");
    host.write(`${image.directory}/initrd`, "2.0-x");
    await expect(stageImage(host, PLACES, image, FULL)).rejects.toMatchObject({
      kind: "integrity",
      hint: expect.stringContaining("dmesg"),
    });
    expect(contentOf(host, "b")).toEqual([]);
  });

  it("takes a root that was fetched as it is, and a copy of what the next download overwrites", async () => {
    const host = await installedDisk();
    const image = { ...imageOf(host, "2.0"), fetchedForSlots: true };
    const before = host.ran.length;
    await stageImage(host, PLACES, image, FULL);
    const { system } = readSlots(host, PLACES).records.b ?? {};
    const ran = host.ran.slice(before);
    const linked = ran.filter((argv) => argv[3] === "link").map((argv) => argv.slice(-2));
    expect(linked).toEqual([[`${image.directory}/root.squashfs`, `${state}${system}.part/root.squashfs`]]);
    const copied = ran.filter(([program]) => program === "cp").map(([, from]) => from);
    expect(copied).toEqual(["image.json", "vmlinuz", "initrd"].map((name) => `${image.directory}/${name}`));
    expect(contentOf(host, "b")).toEqual(["2.0-a"]);
  });

  it("writes a fetched root to another place if its own is damaged on the disk", async () => {
    const host = await installedDisk();
    const image = { ...imageOf(host, "2.0"), fetchedForSlots: true };
    const before = host.ran.length;
    // A link has the damage of what it leads to.
    const { exec } = host;
    host.exec = async (argv, options) => {
      const result = await exec(argv, options);
      if (argv[3] === "link") host.write(argv.at(-1) ?? "", "damaged");
      return result;
    };
    await stageImage(host, PLACES, image, FULL);
    expect(host.ran.slice(before)).toContainEqual(["cp", `${image.directory}/root.squashfs`, expect.any(String)]);
    expect(contentOf(host, "b")).toEqual(["2.0-a"]);
  });

  it("replaces a damaged copy of its root", async () => {
    const host = await installedDisk();
    const image = imageOf(host, "2.0");
    await stageImage(host, PLACES, image, FULL);
    const { system } = readSlots(host, PLACES).records.b ?? {};
    host.write(`${state}${system}/root.squashfs`, "x.x-x");
    host.remove(`${esp}/K3OS/B/${SLOT_FILE}`);
    await stageImage(host, PLACES, image, FULL);
    expect(contentOf(host, "b")).toEqual(["2.0-a"]);
  });

  it("removes the root that its slot had before, and no other", async () => {
    const host = await installedDisk();
    await stageImage(host, PLACES, imageOf(host, "1.5"), FULL);
    await stageImage(host, PLACES, imageOf(host, "2.0"), FULL);
    expect(host.list(systems).map((name) => name.split("-")[0])).toEqual(["1.0", "2.0"]);
  });

  it("leaves the old image or none in its slot at every moment, and the good one as it is; a second run completes it", async () => {
    const fresh = async () => {
      const host = await installedDisk();
      await stageImage(host, PLACES, imageOf(host, "1.5"), FULL);
      imageOf(host, "2.0");
      return host;
    };
    const stage = (host: Parameters<typeof stageImage>[0]) =>
      stageImage(host, PLACES, imageOf(diskInMemory(), "2.0"), FULL);
    const cuts = await withEveryCut(fresh, stage, async (host) => {
      expect(powerOn(host).content).toBe("1.0-a");
      expect([[], ["1.5-a"], ["2.0-a"]]).toContainEqual(contentOf(host, "b"));
      await stage(host);
      expect(contentOf(host, "b")).toEqual(["2.0-a"]);
      expect(host.list(systems).filter((name) => name.endsWith(".part"))).toEqual([]);
    });
    expect(cuts).toBeGreaterThan(15);
  });
});

describe("room for an image", () => {
  it("is made of systems that are in no slot, when there is too little", async () => {
    const host = await installedDisk();
    host.write(NEARLY_FULL, "");
    host.mkdir(`${systems}/0.9-12345678`);
    await stageImage(host, PLACES, imageOf(host, "2.0"), FULL);
    expect(host.list(systems)).not.toContain("0.9-12345678");
  });

  it("is made before an image is fetched", async () => {
    const host = await installedDisk();
    await stageImage(host, PLACES, imageOf(host, "2.0"), FULL);
    const fetching = (bytes: number) => makeRoomToFetch(host, PLACES, { bytes, ifFull: "Make room." });
    await fetching(1000);
    expect(contentOf(host, "b")).toEqual(["2.0-a"]);
    await expect(fetching(2 ** 40)).rejects.toMatchObject({ hint: "Make room." });
    expect(contentOf(host, "b")).toEqual([]);
    expect(contentOf(host, "a")).toEqual(["1.0-a"]);
  });

  it("is asked of the user when no system can go", async () => {
    const host = diskInMemory();
    host.write(NEARLY_FULL, "");
    await expect(stageImage(host, PLACES, imageOf(host, "2.0"), FULL)).rejects.toMatchObject({
      message: "the state partition has 1 MB left, and the image needs 16.8 MB",
      hint: "Make room.",
    });
  });
});

/** A node on which 2.0 is armed, and not yet booted. */
async function armedDisk() {
  const host = await installedDisk();
  const image = imageOf(host, "2.0");
  const slot = await stageImage(host, PLACES, image, FULL);
  await armTrial(host, esp, { slot, version: "2.0", digest: image.digest, stoppedAt: host.now() });
  return host;
}

describe("a trial", () => {
  it("is kept when it is committed, with its downtime", async () => {
    const host = await armedDisk();
    expect(powerOn(host)).toEqual({ slot: "b", trial: true, content: "2.0-a" });
    expect(onTrial(host)).toMatchObject({ slot: "b", version: "2.0" });
    await commitTrial(host, { readyAt: host.now() + 41_200 });
    expect(powerOn(host)).toEqual({ slot: "b", trial: false, content: "2.0-a" });
    expect(readJournal(host, state)).toMatchObject({ last: { version: "2.0", result: "committed", downtime_s: 41.2 } });
    expect(host.readLink(`${systems}/current`)).toMatch(/^2\.0-/);
    expect(await settleTrial(host)).toBeUndefined();
  });

  it("is returned from with its reason and its stage, and the image is remembered", async () => {
    const host = await armedDisk();
    powerOn(host);
    await noteTrialStage(host, "services");
    await noteTrialStage(host, "initrd"); // later than it happened
    await returnFromTrial(host, "k3s did not start");
    expect(powerOn(host)).toEqual({ slot: "a", trial: false, content: "1.0-a" });
    expect(readJournal(host, state)).toMatchObject({
      refused: [{ version: "2.0", reason: "k3s did not start", stage: "services" }],
      last: { result: "returned", reason: "k3s did not start" },
    });
    expect(await settleTrial(host)).toBeUndefined();
  });

  it("that stops without a word is tried twice, and then noted by the good slot with the stage it reached", async () => {
    const host = await armedDisk();
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true });
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true });
    await noteTrialStage(host, "root");
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    expect(await settleTrial(host)).toBe(
      'the trial of 2.0 ended: it stopped after the stage "root" without a word (a panic, a hang or a power cut)',
    );
    expect(readJournal(host, state)).toMatchObject({ refused: [{ version: "2.0", stage: "root" }] });
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
  });

  it("whose kernel cannot be started is noted by the good slot", async () => {
    const host = await armedDisk();
    powerOn(host);
    host.write("/proc/cmdline", "k3os.slot=a quiet\n"); // GRUB's fallback
    expect(await settleTrial(host)).toContain("its kernel could not be started");
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
  });

  it("does not come by itself any more when the version before was chosen by hand, until it is armed again", async () => {
    const host = await armedDisk();
    host.write("/proc/cmdline", "k3os.slot=a quiet\n");
    expect(await settleTrial(host)).toBe("2.0 is staged, and was not tried: the boot menu started something else");
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    expect(await settleTrial(host)).toBeUndefined();
    const { candidate } = readJournal(host, state);
    expect(candidate).toMatchObject({ version: "2.0", phase: "staged" });
    await withEsp(host, (esp) => armTrial(host, esp, { slot: "b", version: "2.0", digest: `${candidate?.digest}` }));
    expect(powerOn(host)).toMatchObject({ slot: "b", trial: true });
  });

  it("does not come by itself either after a power cut at any moment of that", async () => {
    const chosen = async () => {
      const host = await armedDisk();
      host.write("/proc/cmdline", "k3os.slot=a quiet\n");
      return host;
    };
    const cuts = await withEveryCut(chosen, settleTrial, async (host) => {
      if (readSlots(host, PLACES).env?.trial === undefined) expect(powerOn(host)).toMatchObject({ trial: false });
      await settleTrial(host);
      expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
      expect(readJournal(host, state).candidate).toMatchObject({ version: "2.0", phase: "staged" });
    });
    expect(cuts).toBeGreaterThan(4);
  });

  it("ends if the machine has restarted for it twice, and the boot menu started something else", async () => {
    const host = await armedDisk();
    host.write("/proc/cmdline", "k3os.slot=a quiet\n");
    const { candidate } = readJournal(host, state);
    if (candidate === undefined) throw new Error("nothing is armed");
    for (const told of ["was not tried", "the trial of 2.0 ended: the boot menu did not start it, twice"]) {
      // As k3os.upgrade.auto does it after each boot.
      await withEsp(host, (esp) => armTrial(host, esp, { slot: "b", version: "2.0", digest: candidate.digest }));
      await noteStop(host);
      expect(await settleTrial(host)).toContain(told);
    }
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    expect(readJournal(host, state).refused).toMatchObject([{ version: "2.0" }]);
  });

  it("that was given up is given up again at once when it is booted once more", async () => {
    const host = await armedDisk();
    powerOn(host);
    await withEveryCut(
      async () => host,
      async (cut) => {
        await returnFromTrial(cut, "k3s did not start");
      },
      async () => {
        const { candidate } = readJournal(host, state);
        if (candidate === undefined && powerOn(host).trial)
          expect(onTrial(host)).toMatchObject({ refused: "k3s did not start" });
      },
    );
  });

  it("is a try or the new good slot after a power cut at any moment of its commit, and 1.0 or 2.0 is whole", async () => {
    const tried = async () => {
      const host = await armedDisk();
      powerOn(host);
      return host;
    };
    const cuts = await withEveryCut(
      tried,
      (host) => commitTrial(host),
      async (host) => {
        const boot = powerOn(host);
        expect(boot).toMatchObject({ slot: "b", content: "2.0-a" });
        if (boot.trial) await commitTrial(host);
        else await settleTrial(host);
        expect(powerOn(host)).toMatchObject({ slot: "b", trial: false });
        expect(readJournal(host, state)).toMatchObject({ last: { version: "2.0", result: "committed" } });
      },
    );
    expect(cuts).toBeGreaterThan(5);
  });

  it("is armed or not after a power cut at any moment in which it is armed", async () => {
    const staged = async () => {
      const host = await installedDisk();
      await stageImage(host, PLACES, imageOf(host, "2.0"), FULL);
      return host;
    };
    const candidate = { slot: "b", version: "2.0", digest: "sha256:2" } as const;
    await withEveryCut(
      staged,
      (host) => armTrial(host, esp, candidate),
      async (host) => {
        const boot = powerOn(host);
        if (!boot.trial) {
          expect(boot).toMatchObject({ slot: "a" });
          await settleTrial(host);
          expect(readJournal(host, state).candidate?.phase ?? "staged").toBe("staged");
        }
      },
    );
  });

  it("is forgotten when its slot is filled anew", async () => {
    const host = await armedDisk();
    await stageImage(host, PLACES, imageOf(host, "3.0"), FULL);
    expect(powerOn(host)).toMatchObject({ slot: "a", trial: false });
    expect(contentOf(host, "b")).toEqual(["3.0-a"]);
  });
});

describe("a disk whose environment block is damaged", () => {
  it.each(["", "rubbish", "#".repeat(1024), "# GRUB Environment Block\nk3good=z\n".padEnd(1024, "#")])(
    "boots a whole slot, and the next write repairs the block",
    async (text) => {
      const host = await installedDisk();
      host.write(`${esp}${BOOT_ENV}`, text);
      expect(readSlots(host, PLACES)).toMatchObject({ env: undefined, good: "a" });
      expect(powerOn(host)).toMatchObject({ slot: "a" });
      await armTrial(host, esp, { slot: "b", version: "2.0", digest: "sha256:2" });
      expect(readSlots(host, PLACES).env).toEqual({ good: "a", trial: "b", left: 2 });
    },
  );

  it("is made anew by the boot that the menu tells of it", async () => {
    const host = await installedDisk();
    host.write(`${esp}${BOOT_ENV}`, "rubbish");
    powerOn(host);
    expect(await repairEnv(host)).toContain("with slot a");
    expect(readSlots(host, PLACES).env).toEqual({ good: "a" });
  });

  it("does not count a slot without its kernel", async () => {
    const host = await installedDisk();
    host.remove(`${esp}/K3OS/A/${SLOT_KERNEL}`);
    expect(readSlots(host, PLACES)).toMatchObject({ records: {}, good: undefined });
  });
});
