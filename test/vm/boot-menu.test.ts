import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildDisk } from "../../src/build/index.ts";
import { lateTimer } from "../../src/vm/qemu.ts";
import { choose, openMenu } from "./support/boot-menu.ts";
import { eventually } from "./support/eventually.ts";
import { useMachine } from "./support/machine.ts";

const node = useMachine({
  name: "test-boot-menu",
  boot: async () => ({ kind: "disk", firmware: "bios" }),
  disk: async () => {
    const { dir } = await buildDisk("raw", { arguments: [lateTimer] });
    return { from: join(dir, "k3os.raw"), sizeMiB: 3072 };
  },
  until: "powered on",
});

const [rescue, reset] = ["Rescue shell", "Factory reset: erase what this node keeps ..."];
const current = "k3OS";
const previous = "k3OS, the version before";
const system = "/run/k3os/state/k3os/system";

/** As a person does it who knows why the machine has another host key. */
const forgetHostKey = () => rmSync(node.machine.paths.knownHosts, { force: true });
const root = (command: string) => node.node(`sudo sh -euc '${command}'`);

/** Waits for the node that comes, and returns how its kernel was started. */
async function started(before?: { readonly id: string }): Promise<string> {
  await eventually(async () => {
    forgetHostKey();
    expect(await node.node("cat /proc/sys/kernel/random/boot_id")).not.toBe(before?.id);
  }, 200);
  return node.node("cat /proc/cmdline");
}

/**
 * Starts the machine anew, with what was written on its disk. Returns what tells the boot before from the next one. GRUB does not read the
 * journal: freezing the file system empties it.
 */
async function restart(): Promise<{ readonly id: string; readonly console: number }> {
  const id = await node.node("cat /proc/sys/kernel/random/boot_id");
  await root("fsfreeze -f /run/k3os/state; fsfreeze -u /run/k3os/state");
  const before = { id, console: node.machine.serial.text().length };
  const qmp = await node.machine.qmp();
  await qmp.execute("system_reset");
  qmp.close();
  return before;
}

describe("the boot menu of a disk", { timeout: 600_000 }, () => {
  let before: Awaited<ReturnType<typeof restart>>;

  it("offers no version before where there is none", async () => {
    expect(await openMenu(node.machine)).toEqual([current, rescue, reset]);
    await choose(node.machine, 0);
    expect(await started()).toMatch(/system\/current\/root\.squashfs .* quiet\n$/);
    await root("echo mine >/opt/mark");
  });

  it("offers the version before, and boots it", async () => {
    const version = (await node.node("readlink /k3os/system/current")).trim();
    await root(`cp -a ${system}/${version} ${system}/0.1.0 && ln -s 0.1.0 ${system}/previous`);
    before = await restart();
    expect(await openMenu(node.machine, before.console)).toEqual([current, previous, rescue, reset]);
    await choose(node.machine, 1);
    expect(await started(before)).toContain("system/previous/root.squashfs ");
    expect(await node.node("cat /sys/block/loop0/loop/backing_file")).toMatch(/\/0\.1\.0\/root\.squashfs\n$/);
    expect(await node.node("cat /opt/mark")).toBe("mine\n");
  });

  it("boots the version before by itself if the kernel of the current one cannot be started", async () => {
    await root(`head -c 4096 ${system}/previous/vmlinuz >${system}/current/vmlinuz`);
    before = await restart();
    expect(await started(before)).toContain("system/previous/root.squashfs ");
  });

  it("does not offer a current version of which a part is gone, and starts the reset with the one before", async () => {
    const machineId = await node.node("cat /etc/machine-id");
    await root(`rm ${system}/current/initrd`);
    before = await restart();
    expect(await openMenu(node.machine, before.console)).toEqual([previous, rescue, reset]);
    await choose(node.machine, 2);
    await choose(node.machine, 1);
    expect(await started(before)).toMatch(/system\/previous\/root\.squashfs .* k3os\.mode=factory-reset\n$/);
    expect(await node.node("cat /etc/machine-id")).not.toBe(machineId);
    expect(await node.node("ls /opt")).toBe("");
  });

  it("starts the version before from then on", async () => {
    const machineId = await node.node("cat /etc/machine-id");
    before = await restart();
    expect(await started(before)).toMatch(/system\/previous\/root\.squashfs .* quiet\n$/);
    expect(await node.node("cat /etc/machine-id")).toBe(machineId);
  });
});
