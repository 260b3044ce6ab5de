import { describe, expect, it } from "vitest";
import { emptyDisk, fromDisk, installerMachine } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";

const node = useMachine("test-install-disks");
const target = { ...emptyDisk(node.directory, "n1"), bus: "nvme", sectorSize: 4096, bootIndex: 1 } as const;

describe("an NVMe disk with sectors of 4096 bytes", { timeout: 600_000 }, () => {
  it("is installed to by the name that it has in /dev/disk/by-id elsewhere", async () => {
    const config = `k3os: { install: { silent: true, device: nvme-QEMU_NVMe_Ctrl_n1, power_off: true, debug: true } }\n`;
    await node.start({ ...(await installerMachine([target], "metal")), config });
    await node.poweredOff(300_000);
    expect(node.machine.serial.text()).toContain("k3OS is installed on /dev/nvme0n1.");
  });

  it("boots with Secure Boot on, and tells what it does when it was installed for that", async () => {
    await node.start({ boot: fromDisk("secure-boot"), disks: [target] });
    await eventually(async () => {
      const { stdout } = await node.ssh("cat /run/k3os/mode /sys/block/nvme0n1/queue/logical_block_size");
      expect(stdout).toBe("local\n4096\n");
    });
    const links = ["by-id/nvme-QEMU_NVMe_Ctrl_n1", "by-id/nvme-QEMU_NVMe_Ctrl_n1_1-part3", "by-label/K3OS_STATE"];
    expect(await node.node(`cd /dev/disk && for link in ${links.join(" ")}; do readlink $link; done`)).toBe(
      "../../nvme0n1\n../../nvme0n1p3\n../../nvme0n1p3\n",
    );
    expect(await node.node("ls /dev/disk/by-path")).toMatch(/^pci-\S+-nvme-1\n\S+-nvme-1-part1$/m);
    expect(await node.node("sudo dmesg")).toContain("Kernel is locked down from EFI Secure Boot");
    expect(node.machine.serial.text()).toMatch(/k3os: root at [\d.]+ s/);
  });
});
