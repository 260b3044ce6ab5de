import { describe, expect, it } from "vitest";
import { type Place, pathId, withoutTarget } from "./path-id.ts";

/**
 * Places as /sys has them, from the outside to the inside: `name`, `name:subsystem` with the subsystem after the last
 * `@`, and a fact after `=`.
 */
function chain(text: string): Place[] {
  const places = text.split("/").map((word) => {
    const [, name = "", subsystem = "", fact] = /^([^@=]+)(?:@(\w+))?(?:=(.+))?$/.exec(word) ?? [];
    return { name, subsystem, ...(fact !== undefined && { fact }) };
  });
  return places.reverse();
}

const cases: [what: string, text: string, want: string | undefined][] = [
  ["a virtio disk", "pci0000:00/0000:00:02.0@pci/virtio1@virtio/block/vda@block", "pci-0000:00:02.0"],
  ["a virtio card", "pci0000:00/0000:00:03.0@pci/virtio2@virtio/net/eth0@net", "pci-0000:00:03.0"],
  [
    "a card behind bridges",
    "pci0000:00/0000:00:01.0@pci/0000:01:00.0@pci/0000:02:00.0@pci/net/eth0@net",
    "pci-0000:02:00.0",
  ],
  [
    "a SATA disk",
    "pci0000:00/0000:00:1f.2@pci/ata1=1/host0@scsi=0/target0:0:0@scsi/0:0:0:0@scsi/block/sda@block",
    "pci-0000:00:1f.2-ata-1.0",
  ],
  [
    "the second disk at a cable of IDE",
    "pci0000:00/0000:00:01.1@pci/ata1=1/host0@scsi=0/target0:0:1@scsi/0:0:1:0@scsi/block/sdb@block",
    "pci-0000:00:01.1-ata-1.1",
  ],
  [
    "a SATA disk behind a port multiplier",
    "pci0000:00/0000:00:1f.2@pci/ata3=3/host2@scsi=2/target2:1:0@scsi/2:1:0:0@scsi/block/sdc@block",
    "pci-0000:00:1f.2-ata-3.1.0",
  ],
  [
    "an NVMe disk",
    "pci0000:00/0000:00:1d.0@pci/0000:03:00.0@pci/nvme/nvme0@nvme/nvme0n1@block=1",
    "pci-0000:03:00.0-nvme-1",
  ],
  [
    "an NVMe disk behind Intel's VMD",
    "pci0000:00/0000:00:0e.0@pci/pci10000:e0/10000:e0:06.0@pci/10000:e1:00.0@pci/nvme/nvme0@nvme/nvme0n1@block=1",
    "pci-0000:00:0e.0-pci-10000:e1:00.0-nvme-1",
  ],
  [
    "a USB stick",
    "pci0000:00/0000:00:14.0@pci/usb1@usb/1-1@usb/1-1:1.0@usb/host6@scsi=0/target6:0:0@scsi/6:0:0:0@scsi/block/sdb@block",
    "pci-0000:00:14.0-usb-0:1:1.0-scsi-0:0:0:0",
  ],
  [
    "a USB card at a hub",
    "pci0000:00/0000:00:14.0@pci/usb2@usb/2-4@usb/2-4.3@usb/2-4.3:2.1@usb/net/eth1@net",
    "pci-0000:00:14.0-usb-0:4.3:2.1",
  ],
  [
    "a disk of virtio-scsi",
    "pci0000:00/0000:00:05.0@pci/virtio3@virtio/host2@scsi=0/target2:0:1@scsi/2:0:1:4@scsi/block/sdb@block",
    "pci-0000:00:05.0-scsi-0:0:1:4",
  ],
  [
    "a disk of the second host of a controller",
    "pci0000:00/0000:00:05.0@pci/host5@scsi=1/target5:2:0@scsi/5:2:0:0@scsi/block/sdb@block",
    "pci-0000:00:05.0-scsi-1:2:0:0",
  ],
  [
    "a SAS disk at a controller",
    "pci0000:00/0000:03:00.0@pci/host0@scsi=0/port-0:2/end_device-0:2=phy2/target0:0:2@scsi/0:0:2:0@scsi/block/sdc@block",
    "pci-0000:03:00.0-sas-phy2-lun-0",
  ],
  [
    "a disk of Hyper-V",
    "LNXSYSTM:00@acpi/LNXSYBUS:00@acpi/PNP0A03:00@acpi/VMBUS:00@acpi/f8b3781a-1e82-4818-a1c3-63d806ec15bb@vmbus/host0@scsi=0/" +
      "target0:0:0@scsi/0:0:0:300@scsi/block/sda@block",
    "acpi-VMBUS:00-vmbus-f8b3781a1e824818a1c363d806ec15bb-lun-0x012c000000000000",
  ],
  ["a card of a board", "platform@/soc@platform/fd580000.ethernet@platform/net/eth0@net", "platform-fd580000.ethernet"],
  [
    "an SD card of a board",
    "platform/fe340000.mmc@platform/mmc_host/mmc0@mmc_host/mmc0:aaaa@mmc/block/mmcblk0@block",
    "platform-fe340000.mmc",
  ],
  [
    "a card at PCI of a board",
    "platform/4010000000.pcie@platform/pci0000:00/0000:00:01.0@pci/virtio0@virtio/net/eth0@net",
    "platform-4010000000.pcie-pci-0000:00:01.0",
  ],
  // Nothing tells two of these apart for sure.
  ["an SD card at PCI", "pci0000:00/0000:00:1a.0@pci/mmc_host/mmc0@mmc_host/mmc0:1@mmc/block/mmcblk0@block", undefined],
  ["a disk in the network", "platform/host3@scsi=0/session1/target3:0:0@scsi/3:0:0:0@scsi/block/sdd@block", undefined],
  ["nothing", "", undefined],
];

describe("pathId", () => {
  it.each(cases)("of %s", (_, text, want) => expect(pathId(chain(text))).toBe(want));
});

it("a disk at SATA's only target has the name of before, too", () => {
  expect(withoutTarget("pci-0000:00:1f.2-ata-1.0")).toBe("pci-0000:00:1f.2-ata-1");
  expect(withoutTarget("pci-0000:00:1f.2-scsi-0:0:1.0")).toBeUndefined();
});
