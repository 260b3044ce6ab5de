import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromDisk } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";
import { ended, type Release, release, restarting, running, stubDisk } from "../support/trials.ts";

const node = useMachine("test-trial-faults");

/** The first time, all that runs stops for ever, but for the kernel. */
const hangsOnce = `[ -e /var/lib/hung ] || {
  touch /var/lib/hung
  sync
  kill -STOP -1
  kill -STOP $$
}`;
/** The kernel panics. The next try finds no root any more. */
const panics = `system=/run/k3os/state$(sed 's/.*:\\(\\/[^ ]*\\)\\/root.squashfs.*/\\1/' /proc/cmdline)
mv $system/root.squashfs $system/gone
touch $system/root.squashfs
sync
echo c >/proc/sysrq-trigger`;

let hanging: Release;
let panicking: Release;
let rootless: Release;

beforeAll(async () => {
  hanging = await release("hangs", { script: hangsOnce });
  panicking = await release("panics", { script: panics });
  rootless = await release("rootless", { arguments: ["rdinit=/none"] });
  const disks = [await stubDisk(node.directory, 4096)];
  await node.start({ boot: fromDisk("secure-boot"), disks, watchdog: true });
  await node.reachable();
});

afterAll(() => {
  for (const release of [hanging, panicking, rootless]) release?.close();
});

describe("under Secure Boot, on a disk with sectors of 4096 bytes, a trial", { timeout: 900_000 }, () => {
  it("whose userland hangs is ended by the watchdog, tried once more, and kept", async () => {
    const { serial } = node.machine;
    const console = serial.text().length;
    await restarting(node, `k3os upgrade ${hanging.url}`);
    await ended(node, hanging.digest, "committed", 600);
    expect(await node.node("ls /var/lib/hung; cat /sys/class/watchdog/watchdog0/identity")).toMatch(/hung\ni6300ESB/);
    expect(
      serial
        .text()
        .slice(console)
        .match(/k3OS \S+, on trial/g),
    ).not.toHaveLength(1);
  });

  it("that panics, and then stops in its initrd, is given up with the stage that it had come to", async () => {
    const before = await running(node);
    const { serial } = node.machine;
    const console = serial.text().length;
    await restarting(node, `k3os upgrade ${panicking.url}`);
    const { last_upgrade, slots } = await ended(node, panicking.digest, "returned", 400);
    expect(last_upgrade).toMatchObject({
      stage: "initrd",
      reason: expect.stringContaining('after the stage "initrd"'),
    });
    expect(slots.find((slot) => slot.running)).toEqual(before);
    const said = serial.text().slice(console);
    expect(said).toContain("Kernel panic - not syncing: sysrq triggered crash");
    expect(said).toContain("the trial stopped in the initrd; this machine restarts");
  });

  it("whose kernel panics before its initrd runs is given up, and the node says so", async () => {
    await restarting(node, `k3os upgrade ${rootless.url}`);
    const { last_upgrade } = await ended(node, rootless.digest, "returned", 400);
    const reason = "its kernel could not be started, or stopped before its initrd began";
    expect(last_upgrade).toMatchObject({ reason });
    expect(last_upgrade).not.toHaveProperty("stage");
    expect(await node.node("sudo k3os status || true")).toMatch(new RegExp(`given up: ${reason}`));
    const again = await node.machine.ssh(`sudo k3os upgrade ${rootless.url}`);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining("was tried on this node and given up") });
  });
});
