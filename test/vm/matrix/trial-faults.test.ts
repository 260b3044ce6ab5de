import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromDisk } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";
import { type Release, release, running, stubDisk, tried } from "../support/trials.ts";

const node = useMachine("test-trial-faults");

/** All that runs stops for ever, but for the kernel. */
const hang = "sync; kill -STOP -1; kill -STOP $$";
/** The next try finds no root any more. */
const spoilRoot = `system=/run/k3os/state$(sed 's/.*:\\(\\/[^ ]*\\)\\/root.squashfs.*/\\1/' /proc/cmdline)
mv $system/root.squashfs $system/gone
touch $system/root.squashfs`;
/** The least that is taken for a watchdog. */
const seconds = 120;

let hanging: Release;
let spoilt: Release;
let rootless: Release;

beforeAll(async () => {
  hanging = await release("hangs", {
    script: `[ -e /var/lib/hung ] || { touch /var/lib/hung; ${hang}; }`,
    arguments: [`i6300esb.heartbeat=${seconds}`],
  });
  spoilt = await release("spoilt", {
    script: `${spoilRoot}\n${hang}`,
    arguments: ["module_blacklist=i6300esb", `softdog.soft_margin=${seconds}`],
  });
  rootless = await release("rootless", { arguments: ["rdinit=/none"] });
  const disks = [await stubDisk(node.directory, 4096)];
  await node.start({ boot: fromDisk("secure-boot"), disks, watchdog: true });
  await node.reachable();
});

afterAll(() => {
  for (const release of [hanging, spoilt, rootless]) release?.close();
});

describe("under Secure Boot, on a disk with sectors of 4096 bytes, a trial", { timeout: 900_000 }, () => {
  /** What the console says of an upgrade to this image, once its trial has ended so. */
  const upgradeTo = async ({ url, digest }: Release, result: "committed" | "returned") => {
    const { serial } = node.machine;
    const before = serial.text().length;
    const told = await tried(node, `k3os upgrade ${url}`, { digest, result, seconds: 600 });
    return { ...told, console: serial.text().slice(before) };
  };

  it("whose userland hangs is reset by the machine's watchdog, tried once more, and kept", async () => {
    await upgradeTo(hanging, "committed");
    expect(await node.node("ls /var/lib/hung; cat /sys/class/watchdog/watchdog0/identity")).toMatch(/hung\ni6300ESB/);
    expect(await node.node("sudo dmesg")).toContain("Kernel is locked down from EFI Secure Boot");
    expect(await node.node("cat /sys/block/vdb/queue/logical_block_size")).toBe("4096\n");
  });

  it("that hangs is reset by the kernel's own watchdog; the next one stops in its initrd, and it is given up", async () => {
    const before = await running(node);
    const { last_upgrade, slots, console } = await upgradeTo(spoilt, "returned");
    expect(console).toContain("softdog: Initiating system reboot");
    expect(console).toContain("the trial stopped in the initrd; this machine restarts");
    expect(last_upgrade).toMatchObject({
      stage: "initrd",
      reason: expect.stringContaining('after the stage "initrd"'),
    });
    expect(slots.find((slot) => slot.running)).toEqual(before);
  });

  it("whose kernel panics before its initrd runs is given up, and the node says so", async () => {
    const { last_upgrade, console } = await upgradeTo(rootless, "returned");
    const reason = "its kernel could not be started, or stopped before its initrd began";
    expect(console).toContain("Kernel panic - not syncing");
    expect(last_upgrade).toMatchObject({ reason });
    expect(last_upgrade).not.toHaveProperty("stage");
    expect(await node.node("sudo k3os status || true")).toContain(`given up: ${reason}`);
    const again = await node.ssh(`sudo k3os upgrade ${rootless.url}`);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining("was tried on this node and given up") });
  });
});
