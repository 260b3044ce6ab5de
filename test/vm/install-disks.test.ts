import { beforeAll, describe, expect, it } from "vitest";
import type { Disk } from "../../src/vm/qemu.ts";
import { eventually } from "./support/eventually.ts";
import { fromDisk, type Installation, installerOf, isoDisk, useInstallation } from "./support/installation.ts";

const name = "test-install-disks";
const prepare = useInstallation(name);

let lab: Installation;
let target: Disk;

describe("an NVMe disk with sectors of 4096 bytes", { timeout: 420_000 }, () => {
  beforeAll(async () => {
    lab = await prepare();
    target = { ...lab.disk("n1"), bus: "nvme", sectorSize: 4096 };
  });

  it("is installed to by the name that it has in /dev/disk/by-id elsewhere", async () => {
    const config = `k3os: { install: { silent: true, device: nvme-QEMU_NVMe_Ctrl_n1, power_off: true, debug: true } }\n`;
    const machine = await lab.start(installerOf(lab), { config, disks: [isoDisk(lab), target] });
    await lab.poweredOff(300_000);
    expect(machine.serial.text()).toContain("k3OS is installed on /dev/nvme0n1.");
  });

  it("boots by UEFI, and tells what it does when it was installed for that", async () => {
    const machine = await lab.start(fromDisk("uefi"), { disks: [target] });
    await eventually(async () => {
      const { stdout } = await machine.ssh("cat /run/k3os/mode /sys/block/nvme0n1/queue/logical_block_size");
      expect(stdout).toBe("local\n4096\n");
    }, 200);
    expect(machine.serial.text()).toMatch(/k3os: root at [\d.]+ s/);
  });
});
