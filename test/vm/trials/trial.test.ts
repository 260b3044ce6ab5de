import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromDisk } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";
import { type Release, release, restarting, running, slotsOf, stubDisk, tried, UNHAPPY } from "../support/trials.ts";

const node = useMachine("test-trial");
let other: Release;
let broken: Release;

beforeAll(async () => {
  other = await release("other");
  const panicsOnce = "[ -e /var/lib/panicked ] || { touch /var/lib/panicked; sync; echo c >/proc/sysrq-trigger; }";
  broken = await release("broken", { script: `${panicsOnce}\nexit 1` });
  await node.start({ boot: fromDisk(), disks: [await stubDisk(node.directory)] });
  await node.reachable();
});

afterAll(() => {
  other?.close();
  broken?.close();
});

describe("an upgrade", { timeout: 600_000 }, () => {
  const setDeadline = (time: string) => node.writeLayer("10-deadline", `k3os: { upgrade: { deadline: ${time} } }\n`);

  it("is tried, found healthy, and kept", async () => {
    const end = { digest: other.digest, result: "committed" } as const;
    const { said, slots, last_upgrade } = await tried(node, `k3os upgrade ${other.url}`, end);
    expect(said).toContain("is tried now: this node restarts");
    expect(slots).toMatchObject([
      { slot: "a", state: "previous", running: false },
      { slot: "b", state: "current", running: true, digest: other.digest },
    ]);
    expect(last_upgrade?.downtime_s).toBeGreaterThan(1);
    expect(await node.node("sudo k3os status || true")).toMatch(/was kept at .* UTC, down for [\d.]+ s/);
    expect(await node.node("readlink /k3os/system/current")).toContain(other.digest.slice(7, 15));
  });

  it("to the image that is kept already changes nothing", async () => {
    const bootId = await node.bootId();
    expect(await node.node(`sudo k3os upgrade ${other.url}`)).toContain("nothing to do");
    expect(await node.bootId()).toBe(bootId);
  });

  it("is undone by k3os rollback, and not tried again unless somebody asks for it", async () => {
    const bootId = await node.bootId();
    await restarting(node, "k3os rollback");
    await node.bootAfter(bootId);
    expect(await running(node)).toMatchObject({ slot: "a", state: "current" });
    const again = await node.ssh(`sudo k3os upgrade ${other.url}`);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining("somebody went back from it") });
  });

  it("leaves nothing behind, however often it is armed and undone", async () => {
    const upgrade = (image: Release) => `k3os upgrade --retry --no-reboot ${image.url}`;
    const undo = "k3os rollback --no-reboot";
    const round = [upgrade(broken), undo, upgrade(other), undo].join("\n");
    const left = `mount -t vfat /dev/vdb2 /mnt
df -k /mnt | awk "END { print \\$4 }"; find /mnt | sort
umount /mnt
find /k3os/system /run/k3os/state/k3os -maxdepth 1 | sort; cut -d" " -f2 /proc/mounts | sort; losetup -a`;
    const root = (lines: string) => node.node(`sudo sh -euc '${lines}'`);
    const free = async () => Number(await root('df -k /run/k3os/state | awk "END { print \\$4 }"'));
    await root(round);
    const before = { left: await root(left), free: await free() };
    await root(round);
    expect(await root(left)).toBe(before.left);
    // Logs grow.
    expect(before.free - (await free())).toBeLessThan(4096);
    expect(await running(node)).toMatchObject({ slot: "a", state: "current" });
  });

  it("is given up at the deadline if a check of the user does not pass, with old k3OS's flags, too", async () => {
    await node.node(`sudo touch ${UNHAPPY}`);
    await setDeadline("2m");
    const flags = `--source ${other.url} --destination /k3os/system --kernel --rootfs --reboot`;
    const end = { digest: other.digest, result: "returned", seconds: 400 } as const;
    const { slots, last_upgrade } = await tried(node, `k3os upgrade --retry ${flags}`, end);
    const reason = "a check did not pass within 2 min: happy: status 1, it is not";
    expect(last_upgrade).toMatchObject({ reason, stage: "ready" });
    expect(slots).toMatchObject([
      { slot: "a", state: "current", running: true },
      { slot: "b", state: "refused", running: false, reason },
    ]);
    await node.node(`sudo rm ${UNHAPPY}`);
  });

  it("is tried once more after a panic of its kernel, and given up at the deadline if its k3s never starts", async () => {
    await setDeadline("2m");
    const end = { digest: broken.digest, result: "returned", seconds: 400 } as const;
    const { last_upgrade } = await tried(node, `k3os upgrade --retry ${broken.url}`, end);
    expect(node.machine.serial.text()).toContain("Kernel panic - not syncing: sysrq triggered crash");
    expect(last_upgrade).toMatchObject({ reason: expect.stringMatching(/^not Ready within 2 min: k3s/) });
    const again = await node.ssh(`sudo k3os upgrade ${broken.url}`);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining("was tried on this node and given up") });
    expect((await slotsOf(node)).slots).toMatchObject([{ running: true }, { digest: broken.digest }]);
  });
});
