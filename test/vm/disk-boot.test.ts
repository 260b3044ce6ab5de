import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildDisk } from "../../src/build/index.ts";
import type { OwnDisk } from "../../src/vm/disk.ts";
import { type Firmware, lateTimer } from "../../src/vm/qemu.ts";
import { choose, openMenu } from "./support/boot-menu.ts";
import { eventually } from "./support/eventually.ts";
import { useMachine } from "./support/machine.ts";

type Kind = Pick<OwnDisk, "bus" | "sectorSize">;

/** A machine that boots from a disk of this kind, by this firmware. */
function useDisk(name: string, firmware: Firmware, kind: Kind, config?: string) {
  return useMachine({
    name,
    boot: async () => ({ kind: "disk", firmware }),
    disk: () => newDisk(kind, config),
    until: "powered on",
  });
}

async function newDisk(kind: Kind, config?: string): Promise<OwnDisk> {
  const { dir } = await buildDisk("raw", { arguments: [lateTimer], sectorSize: kind.sectorSize, config });
  return { ...kind, from: join(dir, "k3os.raw"), sizeMiB: 3072 };
}

type Node = ReturnType<typeof useMachine>;

const expectRoot = (node: Node, device: RegExp) =>
  it("reaches its root, and grows to the size of the disk", async () => {
    const root = "awk '$2 == \"/run/k3os/state\" { print $1 }' /proc/mounts";
    await eventually(async () => expect((await node.node(root)).trim()).toMatch(device), 200);
    await eventually(async () =>
      expect(Number(await node.node("df -m /var | awk 'END { print $2 }'"))).toBeGreaterThan(2600),
    );
    expect(await node.node("cat /run/k3os/mode")).toBe("local\n");
  });

const efi = (node: Node) => node.node("[ -d /sys/firmware/efi ] && echo uefi || echo bios");

describe("an NVMe disk under UEFI", () => {
  const node = useDisk("test-disk-nvme", "uefi", { bus: "nvme" });
  expectRoot(node, /^\/dev\/nvme0n1p3$/);
  it("was booted by UEFI", async () => expect(await efi(node)).toBe("uefi\n"));
});

describe("a disk with sectors of 4096 bytes under UEFI", () => {
  const node = useDisk("test-disk-4k", "uefi", { sectorSize: 4096 });
  expectRoot(node, /^\/dev\/vd[ab]3$/);
  it("has such sectors", async () => {
    expect(
      await node.node("cat /sys/block/vda/queue/logical_block_size /sys/block/vdb/queue/logical_block_size"),
    ).toContain("4096\n");
  });
});

describe("a virtio-scsi disk under Secure Boot", () => {
  const node = useDisk("test-disk-secure", "secure-boot", { bus: "scsi" });
  expectRoot(node, /^\/dev\/sda3$/);

  it("has Secure Boot on, and a kernel that is locked down by it", async () => {
    const variables = "/tmp/efivars";
    await node.node(`sudo mkdir -p ${variables} && sudo mount -t efivarfs none ${variables}`);
    // Four bytes of attributes, and the value.
    const variable = `${variables}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`;
    expect(await node.node(`sudo cat ${variable} | tail -c 1 | od -An -tu1`)).toMatch(/^\s*1\s*$/);
    expect(await node.node("sudo dmesg")).toMatch(/Kernel is locked down from EFI Secure Boot/);
  });
});

describe("a SATA disk under BIOS", () => {
  const config = "write_files: [{ path: /etc/baked, content: by the config on the disk }]\n";
  const node = useDisk("test-disk-sata", "bios", { bus: "sata" }, config);

  it("opens its menu at a key, and from there a rescue shell that goes on with the boot", async () => {
    const { serial } = node.machine;
    expect(await openMenu(node.machine)).toEqual([
      "k3OS",
      "Rescue shell",
      "Factory reset: erase what this node keeps ...",
    ]);
    await choose(node.machine, 1);
    await serial.expect("k3OS rescue shell", { timeoutMs: 90_000 });
    await serial.send("blkid | grep -o 'LABEL=\"K3OS_STATE\"'; e2fsck -V 2>&1 | grep -o 'e2fsck 1'\n");
    await serial.expect('LABEL="K3OS_STATE"\n');
    await serial.expect(/^e2fsck 1/m);
    await serial.send("exit\n");
    await serial.expect("login:", { timeoutMs: 120_000 });
  });

  expectRoot(node, /^\/dev\/sda3$/);

  it("has applied the config that was built onto it, which only root reads", async () => {
    await eventually(async () => expect(await node.node("cat /etc/baked")).toBe("by the config on the disk"));
    expect(await node.node("stat -c %a /k3os/system/config.yaml")).toBe("600\n");
    expect(await node.node("sudo cat /k3os/system/config.yaml")).toBe(config);
  });
});

// As a boot server hands kernel and root out: only the state is on the disk.
describe("a root that is not on the disk", () => {
  const node = useMachine({
    name: "test-disk-foreign-root",
    boot: async ({ dir }) => ({ kind: "image", dir, append: "k3os.fallback_mode=live" }),
    disk: () => newDisk({}),
    until: "powered on",
  });
  expectRoot(node, /^\/dev\/vd[a-z]3$/);
  it("is the one that runs", async () => {
    // On the disk it would be a file.
    expect(await node.node("awk '$2 == \"/\" { print $1 }' /proc/mounts")).toMatch(/^\/dev\/vd[a-z]\n$/);
  });
});
