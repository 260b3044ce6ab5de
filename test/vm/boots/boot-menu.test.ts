import { beforeAll, describe, expect, it } from "vitest";
import { openMenu } from "../support/boot-menu.ts";
import { bootedDisk } from "../support/booted-disk.ts";
import { fromDisk, overlay } from "../support/disks.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-boot-menu");

const current = "k3OS";
const previous = "k3OS, the version before";
const [rescue, reset] = ["Rescue shell", "Factory reset: erase what this node keeps ..."];
const system = "/run/k3os/state/k3os/system";

const root = (command: string) => node.node(`sudo sh -euc '${command}'`);
/** How the kernel of this boot was started. */
const kernelArguments = () => node.node("cat /proc/cmdline");

/**
 * Starts the machine anew, with what was written on its disk. Returns what tells the boot before from the next one.
 * GRUB does not read the journal: freezing the file system empties it.
 */
async function restart(): Promise<{ readonly bootId: string; readonly console: number }> {
  const bootId = await node.bootId();
  await root("fsfreeze -f /run/k3os/state; fsfreeze -u /run/k3os/state");
  const before = { bootId, console: node.machine.serial.text().length };
  await node.reset();
  return before;
}

describe("the boot menu of a disk", { timeout: 600_000 }, () => {
  beforeAll(async () => {
    const disk = { ...(await overlay(node.directory, await bootedDisk())), bus: "sata" } as const;
    await node.start({ boot: fromDisk("bios"), disks: [disk] });
  });

  it("offers no version before where there is none, and a rescue shell that goes on with the boot", async () => {
    const menu = await openMenu(node);
    expect(menu.entries).toEqual([current, rescue, reset]);
    await menu.choose(rescue);
    const { serial } = node.machine;
    await serial.expect("k3OS rescue shell", { timeoutMs: 120_000 });
    await serial.send("blkid | grep -o 'LABEL=\"K3OS_STATE\"'; e2fsck -V 2>&1 | grep -o 'e2fsck 1'\n");
    await serial.expect('LABEL="K3OS_STATE"\n');
    await serial.expect(/^e2fsck 1/m);
    await serial.send("exit\n");
    await serial.expect("login:", { timeoutMs: 180_000 });
    await node.reachable();
    expect(await kernelArguments()).toMatch(/system\/current\/root\.squashfs .* rescue\n$/);
    await root("echo mine >/opt/mark");
  });

  it("offers the version before, and boots it", async () => {
    const version = (await node.node("readlink /k3os/system/current")).trim();
    await root(`cp -a ${system}/${version} ${system}/0.1.0 && ln -s 0.1.0 ${system}/previous`);
    const { bootId, console } = await restart();
    const menu = await openMenu(node, console);
    expect(menu.entries).toEqual([current, previous, rescue, reset]);
    await menu.choose(previous);
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toContain("system/previous/root.squashfs ");
    expect(await node.node("cat /sys/block/loop0/loop/backing_file")).toMatch(/\/0\.1\.0\/root\.squashfs\n$/);
    expect(await node.node("cat /opt/mark")).toBe("mine\n");
  });

  it("boots the version before by itself if the kernel of the current one cannot be started", async () => {
    await root(`head -c 4096 ${system}/previous/vmlinuz >${system}/current/vmlinuz`);
    const { bootId } = await restart();
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toContain("system/previous/root.squashfs ");
  });

  it("does not offer a current version of which a part is gone, and starts the reset with the one before", async () => {
    const machineId = await node.node("cat /etc/machine-id");
    await root(`rm ${system}/current/initrd`);
    const { bootId, console } = await restart();
    const menu = await openMenu(node, console);
    expect(menu.entries).toEqual([previous, rescue, reset]);
    await (await menu.open(reset)).choose("Yes, erase it and start anew");
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toMatch(/system\/previous\/root\.squashfs .* k3os\.mode=factory-reset\n$/);
    expect(await node.node("cat /etc/machine-id")).not.toBe(machineId);
    expect(await node.node("ls /opt")).toBe("");
  });

  it("starts the version before from then on", async () => {
    const machineId = await node.node("cat /etc/machine-id");
    const { bootId } = await restart();
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toMatch(/system\/previous\/root\.squashfs .* quiet\n$/);
    expect(await node.node("cat /etc/machine-id")).toBe(machineId);
  });
});
