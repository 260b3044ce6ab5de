import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildDisk, type DiskFormat, type SectorSize } from "../../../src/build/index.ts";
import { runCommand } from "../../../src/process/run.ts";
import type { Bus } from "../../../src/vm/disk.ts";
import { type Disk, type Firmware, lateTimer } from "../../../src/vm/qemu.ts";
import { type DiskFile, fromDisk, overlay } from "./disks.ts";
import { configThatTells, factsOf } from "./facts.ts";
import { type TestMachine, useMachine } from "./machine.ts";

/** What every machine is asked, whatever it was booted from. */
export const questions = configThatTells({
  mode: "cat /run/k3os/mode",
  arguments: "cat /proc/cmdline",
  root: "awk '$2 == \"/\" { print $1 }' /proc/mounts",
  rootFile: "cat /sys/block/loop0/loop/backing_file",
  medium: "awk '$2 == \"/run/k3os/medium\" { print $1 }' /proc/mounts",
  state: "awk '$2 == \"/run/k3os/state\" { print $1, $3 }' /proc/mounts",
  stateMiB: "df -m /var | awk 'END { print $2 }'",
  sectorSize:
    "state=$(awk '$2 == \"/run/k3os/state\" { print $1 }' /proc/mounts); cat /sys/class/block/$(basename $state)/../queue/logical_block_size",
  firmware: "[ -d /sys/firmware/efi ] && echo uefi || echo bios",
  // Four bytes of attributes, and the value.
  secureBoot:
    "mkdir /tmp/efi && mount -t efivarfs none /tmp/efi && tail -c 1 /tmp/efi/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c | od -An -tu1; umount /tmp/efi",
  lockdown: "dmesg | grep -o 'Kernel is locked down from EFI Secure Boot'",
  baked: "cat /etc/baked",
  bakedConfig: "stat -c %a:%U /k3os/system/config.yaml; cat /k3os/system/config.yaml",
});

/** A config that is built onto a disk, below what the machine is asked. */
const baked = "write_files: [{ path: /etc/baked, content: by the config on the disk }]\n";

/** A medium, how a machine boots it, and what that machine tells. */
export interface Row {
  readonly title: string;
  readonly name: string;
  start(machine: TestMachine): Promise<unknown>;
  readonly facts: Readonly<Record<string, unknown>>;
  /** What the state has at least, once it fills the disk. */
  readonly stateMiB?: number;
  /** Its network card needs a driver of its own: the address of it is on the console. */
  readonly hasOtherCard?: true;
}

export const bios = { firmware: "bios", secureBoot: "", lockdown: "" };
/** Firmware without Secure Boot has no variable for it. */
export const uefi = { firmware: "uefi", secureBoot: "", lockdown: "" };
export const secureBoot = { firmware: "uefi", secureBoot: "1", lockdown: "Kernel is locked down from EFI Secure Boot" };

/** A disk that was built with `baked` on it. `partition` is a regular expression. */
export const local = (partition: string) => ({
  mode: "local",
  arguments: expect.stringMatching(/system\/[^/]+\/root\.squashfs .* quiet$/),
  state: expect.stringMatching(`^/dev/${partition} ext4$`),
  rootFile: expect.stringMatching(/^\S*\/k3os\/system\/\S+\/root\.squashfs$/),
  baked: "by the config on the disk",
  bakedConfig: `600:root\n${baked.trim()}`,
});
export const live = (medium: string) => ({ mode: "live", medium: expect.stringMatching(`^/dev/${medium}`), state: "" });

/** Boots a machine of its own for each row, and compares what it tells. */
export function describeMedia(rows: readonly Row[]): void {
  describe.each(rows)("$title", ({ name, start, facts, stateMiB, hasOtherCard }) => {
    const machine = useMachine(`test-medium-${name}`);

    it("boots to its root, and has all that was built onto it", { timeout: 400_000 }, async () => {
      await start(machine);
      const told = await factsOf(machine.machine);
      expect(told).toMatchObject(facts);
      if (stateMiB !== undefined) expect(Number(told.stateMiB)).toBeGreaterThan(stateMiB);
      if (hasOtherCard) await machine.machine.serial.expect(/eth0: 10\.0\.2\.15/, { timeoutMs: 120_000 });
    });
  });
}

interface Hardware {
  readonly firmware: Firmware;
  readonly bus?: Bus;
  readonly sectorSize?: SectorSize;
  /** QEMU's model of the network card. */
  readonly nic?: string;
}

export async function startFromDisk(machine: TestMachine, format: DiskFormat, hardware: Hardware): Promise<void> {
  const { firmware, nic } = hardware;
  const disks = [await diskOf(machine, format, hardware)];
  const nics = nic === undefined ? undefined : [{ model: nic }];
  await machine.start({ boot: fromDisk(firmware), config: questions, disks, nics });
}

/** What the machine writes goes to a file of its own. */
export async function diskOf(
  { directory }: TestMachine,
  format: DiskFormat,
  { bus, sectorSize }: Pick<Hardware, "bus" | "sectorSize">,
): Promise<Disk> {
  const { dir } = await buildDisk(format, { arguments: [lateTimer], config: baked, sectorSize });
  const disk = await hypervisorsDisk(join(dir, `k3os.${format}`), format, directory);
  const isSmall = format === "raw" || format === "qcow2";
  return { ...(await overlay(directory, disk, isSmall ? 3072 : 0)), bus, sectorSize };
}

/** The disk that a hypervisor takes from the file. */
async function hypervisorsDisk(file: string, format: DiskFormat, directory: string): Promise<DiskFile> {
  if (format === "ova") return { file: await unpackOva(file, directory), format: "vmdk" };
  return { file, format: format === "vhd" ? "vpc" : format };
}

/** The disk inside the archive, after the sums of all that is in it were compared. */
async function unpackOva(file: string, directory: string): Promise<string> {
  await runCommand(["tar", "-xf", file, "-C", directory]);
  const sums = readFileSync(join(directory, "k3os.mf"), "utf8").trim().split("\n");
  for (const line of sums) {
    const [, name = "", sum] = /^SHA256\((.+)\)= (\w+)$/.exec(line) ?? [];
    const bytes = readFileSync(join(directory, name));
    expect({ name, sum: createHash("sha256").update(bytes).digest("hex") }).toEqual({ name, sum });
  }
  expect(sums).toHaveLength(2);
  return join(directory, "k3os.vmdk");
}

export async function upFromIso(machine: TestMachine, ...options: readonly string[]): Promise<void> {
  await machine.up([...options, "--cpus", "1", "--no-wait"], questions);
}
