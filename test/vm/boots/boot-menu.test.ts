import { beforeAll, describe, expect, it } from "vitest";
import { formatSlotRecord } from "../../../src/image/grub.ts";
import { openMenu } from "../support/boot-menu.ts";
import { bootedDisk } from "../support/booted-disk.ts";
import { fromDisk, overlay } from "../support/disks.ts";
import { builtImage } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-boot-menu");

const [rescue, reset] = ["Rescue shell", "Factory reset: erase what this node keeps ..."];

const root = (command: string) => node.node(`sudo sh -euc '${command}'`);
/** Runs a line of shell in the directory of the ESP that GRUB reads. */
const onEsp = (command: string) =>
  root(`mkdir -p /run/esp; mount -t vfat /dev/sda2 /run/esp; cd /run/esp/K3OS; ${command}; cd /; umount /run/esp`);
/** How the kernel of this boot was started. */
const kernelArguments = () => node.node("cat /proc/cmdline");

/**
 * Starts the machine anew, with what was written on its disk. Returns what tells the boot before from the next one.
 */
async function restart(): Promise<{ readonly bootId: string; readonly console: number }> {
  const bootId = await node.bootId();
  await root("sync");
  const before = { bootId, console: node.machine.serial.text().length };
  await node.reset();
  return before;
}

describe("the boot menu of a disk", { timeout: 600_000 }, () => {
  let current: string;
  const previous = "k3OS 0.1.0, the version before";

  beforeAll(async () => {
    current = `k3OS ${(await builtImage()).imageJson.version}`;
    const disk = { ...(await overlay(node.directory, await bootedDisk())), bus: "sata" } as const;
    await node.start({ boot: fromDisk(), disks: [disk] });
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
    expect(await kernelArguments()).toMatch(
      /system\/[^/]+\/root\.squashfs k3os\.slot=a .* rescue k3os\.cluster_config=off\n$/,
    );
    await root("echo mine >/opt/mark");
  });

  it("offers the version before, and boots it", async () => {
    const before = { version: "0.1.0", digest: "sha256:12345678", system: "/k3os/system/0.1.0-12345678" };
    const record = Buffer.from(formatSlotRecord({ ...before, arguments: [] })).toString("base64");
    await root(`cp -a /k3os/system/$(readlink /k3os/system/current) /run/k3os/state${before.system}`);
    await onEsp(`cp -r A B; echo ${record} | base64 -d >B/SLOT.CFG`);
    const { bootId, console } = await restart();
    const menu = await openMenu(node, console);
    expect(menu.entries).toEqual([current, previous, rescue, reset]);
    await menu.choose(previous);
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toContain("system/0.1.0-12345678/root.squashfs k3os.slot=b ");
    expect(await node.node("cat /sys/block/loop0/loop/backing_file")).toMatch(/\/0\.1\.0-12345678\/root\.squashfs\n$/);
    expect(await node.node("cat /opt/mark")).toBe("mine\n");
  });

  it("boots the version before by itself if the kernel of the current one cannot be started", async () => {
    await onEsp("head -c 4096 B/VMLINUZ >A/VMLINUZ");
    const { bootId } = await restart();
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toContain("system/0.1.0-12345678/root.squashfs k3os.slot=b ");
  });

  it("does not offer a current version of which a part is gone, and starts the reset with the one before", async () => {
    const machineId = await node.node("cat /etc/machine-id");
    await onEsp("rm A/INITRD");
    const { bootId, console } = await restart();
    const menu = await openMenu(node, console);
    expect(menu.entries).toEqual(["k3OS 0.1.0", rescue, reset]);
    await (await menu.open(reset)).choose("Yes, erase it and start anew");
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toMatch(/k3os\.slot=b .* k3os\.mode=factory-reset\n$/);
    expect(await node.node("cat /etc/machine-id")).not.toBe(machineId);
    expect(await node.node("ls /opt")).toBe("");
  });

  it("starts the version before from then on, and a damaged environment block is made anew", async () => {
    const machineId = await node.node("cat /etc/machine-id");
    await onEsp("echo rubbish >ENV");
    const { bootId } = await restart();
    await node.bootAfter(bootId);
    expect(await kernelArguments()).toMatch(/k3os\.slot=b .* quiet\n$/);
    expect(await node.node("cat /etc/machine-id")).toBe(machineId);
    expect(await onEsp("head -n 2 ENV")).toContain("k3good=b\n");
    expect(node.machine.serial.text()).toContain("it is made anew, with slot b");
  });
});
