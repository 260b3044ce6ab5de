import { describe, expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { readDisks } from "./disks.ts";
import { pathId } from "./path-id.ts";
import { placesOf } from "./places.ts";

/** A machine with a device at `path` below /sys/devices. `subsystems` has those of its directories, by name. */
function machine(
  path: string,
  subsystems: Readonly<Record<string, string>>,
  files: Record<string, string>,
): MemoryHost {
  const at = `/sys/devices/${path}`;
  const host = memoryHost({
    files: Object.fromEntries(Object.entries(files).map(([file, text]) => [`/sys/devices/${file}`, text])),
  });
  for (const directory of [at, "/sys/block"]) host.mkdir(directory);
  const names = path.split("/");
  for (const [index, name] of names.entries()) {
    const subsystem = subsystems[name];
    if (subsystem === undefined) continue;
    host.symlink(`../../bus/${subsystem}`, `/sys/devices/${names.slice(0, index + 1).join("/")}/subsystem`);
  }
  host.symlink(`../devices/${path}`, `/sys/block/${names.at(-1)}`);
  return host;
}

describe("a disk's path", () => {
  it("has the number of a SATA port at its controller, not that of the machine", () => {
    const port = "pci0000:00/0000:00:1f.2/ata7";
    const path = `${port}/host6/target6:0:0/6:0:0:0/block/sda`;
    const subsystems = { "0000:00:1f.2": "pci", host6: "scsi", "target6:0:0": "scsi", "6:0:0:0": "scsi", sda: "block" };
    const host = machine(path, subsystems, { [`${port}/ata_port/ata7/port_no`]: "1\n" });
    expect(pathId(placesOf(host, "/sys/block/sda"))).toBe("pci-0000:00:1f.2-ata-1.0");
  });

  it("counts the hosts of a controller from its first one", () => {
    const card = "pci0000:00/0000:00:05.0";
    const subsystems = { "0000:00:05.0": "pci", host4: "scsi", "4:0:2:0": "scsi", sda: "block" };
    const host = machine(`${card}/host4/4:0:2:0/block/sda`, subsystems, { [`${card}/host3/uevent`]: "" });
    expect(pathId(placesOf(host, "/sys/block/sda"))).toBe("pci-0000:00:05.0-scsi-1:0:2:0");
  });

  it.each([
    ["1\n", "sas-exp0x500605b0000272bf-phy5-lun-0"],
    ["2\n", "sas-0x5000c500a1b2c3d5-lun-0"],
  ])("has the phy of a SAS disk at an expander, or its address if several lead to it: %j", (phys, want) => {
    const expander = "pci0000:00/0000:03:00.0/host0/port-0:0/expander-0:0";
    const device = `${expander}/port-0:0:4/end_device-0:0:4`;
    const sas = `${device}/sas_device/end_device-0:0:4`;
    const subsystems = { "0000:03:00.0": "pci", host0: "scsi", "0:0:4:0": "scsi", sda: "block" };
    const host = machine(`${device}/target0:0:4/0:0:4:0/block/sda`, subsystems, {
      [`${expander}/port-0:0:4/sas_port/port-0:0:4/num_phys`]: phys,
      [`${expander}/sas_device/expander-0:0/sas_address`]: "0x500605b0000272bf\n",
      [`${sas}/sas_address`]: "0x5000c500a1b2c3d5\n",
      [`${sas}/phy_identifier`]: "5\n",
    });
    expect(pathId(placesOf(host, "/sys/block/sda"))).toBe(`pci-0000:03:00.0-${want}`);
  });
});

it("an NVMe disk that several controllers may reach has the path of the first", () => {
  const path = "virtual/nvme-subsystem/nvme-subsys0/nvme0n1";
  const host = machine(path, { nvme0n1: "block" }, { [`${path}/nsid`]: "1\n" });
  const controller = "pci0000:00/0000:00:04.0/nvme/nvme0";
  host.mkdir(`/sys/devices/${controller}`);
  host.symlink(`../../../${controller}`, "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0");
  host.symlink("../../../bus/pci", "/sys/devices/pci0000:00/0000:00:04.0/subsystem");
  host.symlink("../../../../../class/nvme", `/sys/devices/${controller}/subsystem`);
  expect(pathId(placesOf(host, "/sys/block/nvme0n1"))).toBe("pci-0000:00:04.0-nvme-1");
});

it("a disk on USB has the serial number of its device, and the name of what is in it", () => {
  const stick = "pci0000:00/0000:00:14.0/usb1/1-2";
  const device = `${stick}/1-2:1.0/host6/target6:0:0/6:0:0:0`;
  const subsystems = {
    "0000:00:14.0": "pci",
    usb1: "usb",
    "1-2": "usb",
    "1-2:1.0": "usb",
    host6: "scsi",
    "6:0:0:0": "scsi",
  };
  const host = machine(
    `${device}/block/sda`,
    { ...subsystems, sda: "block" },
    {
      [`${stick}/serial`]: "4C5300011\n",
      [`${device}/vendor`]: "SanDisk \n",
      [`${device}/model`]: "Ultra Fit       \n",
      [`${device}/block/sda/size`]: "1000\n",
    },
  );
  host.symlink("../../../6:0:0:0", `/sys/devices/${device}/block/sda/device`);
  const [disk] = readDisks(host);
  expect(disk).toMatchObject({
    transport: "usb",
    serial: "4C5300011",
    ids: ["usb-SanDisk_Ultra_Fit_4C5300011-0:0"],
    pathIds: ["pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0"],
  });
});

it("what software made has no path", () => {
  const host = machine("virtual/block/dm-0", {}, {});
  expect(placesOf(host, "/sys/block/dm-0")).toEqual([]);
});
