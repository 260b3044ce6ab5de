import { describe, expect, it } from "vitest";
import { HostError } from "../../host/host.ts";
import { machineWith } from "../install/testing.ts";
import { describeDisk, readDisks } from "./disks.ts";

describe("readDisks", () => {
  it("reads what the kernel says of a virtio disk and its partitions", () => {
    const host = machineWith({ vda: { facts: { serial: "abc" }, partitions: { 1: 1, 2: 19 } } });
    expect(readDisks(host)).toEqual([
      {
        name: "vda",
        path: "/dev/vda",
        size: 20e9,
        model: "",
        serial: "abc",
        wwn: "",
        transport: "virtio",
        readOnly: false,
        removable: false,
        partitions: [
          { name: "vda1", path: "/dev/vda1", number: 1, size: 1e9 },
          { name: "vda2", path: "/dev/vda2", number: 2, size: 19e9 },
        ],
        ids: ["virtio-abc"],
        pathIds: [],
      },
    ]);
  });

  it("passes over what is no disk, and drives without a medium", () => {
    const host = machineWith({
      loop0: {},
      sr0: {},
      "dm-0": {},
      md127: {},
      zram0: {},
      mmcblk0boot0: {},
      nvme0c0n1: {},
      sda: { size: 0 },
      mmcblk0: {},
    });
    expect(readDisks(host).map(({ name }) => name)).toEqual(["mmcblk0"]);
  });

  it("has a USB stick that does not tell its name to the world", () => {
    const host = machineWith({ sda: { facts: { "device/model": "HARDDISK", "device/wwid": "" } } });
    const readText = (path: string) => {
      if (path.endsWith("/wwid")) throw new HostError("EIO", "read", path);
      return host.readText(path);
    };
    const read = (path: string): never => {
      throw new HostError("EIO", "read", path);
    };
    host.write("/sys/block/sda/device/vpd_pg83", "");
    expect(readDisks({ ...host, readText, read })[0]).toMatchObject({ model: "HARDDISK", wwn: "" });
  });

  it("reads the serial number of a SATA disk from its page", () => {
    const page = new Uint8Array([0, 0x80, 0, 8, ...[..." S3Z8NB0"].map((letter) => letter.charCodeAt(0))]);
    const host = machineWith(
      {
        sda: {
          facts: {
            "device/vendor": "ATA     \n",
            "device/model": "Samsung SSD 860 \n",
            "device/wwid": "naa.5002538e40a1\n",
          },
        },
      },
      { files: { "/sys/block/sda/device/vpd_pg80": page } },
    );
    expect(readDisks(host)[0]).toMatchObject({
      model: "Samsung SSD 860",
      serial: "S3Z8NB0",
      wwn: "0x5002538e40a1",
      transport: "ata",
    });
  });
});

describe("the names by-id", () => {
  const cases: [string, string, Record<string, string>, string[]][] = [
    ["virtio", "vda", { serial: "data 1" }, ["virtio-data_1"]],
    [
      "nvme",
      "nvme0n1",
      { "device/model": "QEMU NVMe Ctrl  ", "device/serial": "x1", wwid: "nvme.8086-31-51454d55-1" },
      ["nvme-QEMU_NVMe_Ctrl_x1", "nvme-QEMU_NVMe_Ctrl_x1_1", "nvme-nvme.8086-31-51454d55-1"],
    ],
    ["mmc", "mmcblk0", { "device/name": "SD32G", "device/serial": "0x1234" }, ["mmc-SD32G_0x1234"]],
  ];
  for (const [what, name, facts, want] of cases) {
    it(what, () => expect(readDisks(machineWith({ [name]: { facts } })).flatMap(({ ids }) => ids)).toEqual(want));
  }
});

describe("describeDisk", () => {
  it("says what people tell disks apart by", () => {
    const [disk] = readDisks(
      machineWith({ sda: { facts: { "device/vendor": "QEMU", "device/model": "HARDDISK", serial: "q1" } } }),
    );
    expect(disk && describeDisk(disk)).toBe("20 GB QEMU HARDDISK (scsi, serial q1)");
  });
});
