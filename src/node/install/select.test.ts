import { describe, expect, it } from "vitest";
import { findCandidates } from "./candidates.ts";
import { selectDisk } from "./select.ts";
import { machineWith } from "./testing.ts";

const host = machineWith(
  {
    vda: { size: 20, facts: { serial: "root" } },
    vdb: { size: 500, facts: { serial: "data" } },
    nvme0n1: { size: 1000, facts: { "device/model": "Samsung SSD 990", "device/serial": "S1" } },
    sda: { size: 2000, facts: { "device/vendor": "ATA", "device/model": "WDC" }, partitions: { 1: 100 } },
    sdb: { size: 1 },
  },
  { files: { "/proc/mounts": "/dev/sda1 /run/k3os/medium iso9660 ro 0 0\n" } },
);
const all = await findCandidates(host);

describe("selectDisk", () => {
  const cases: [string, string][] = [
    ["/dev/vdb", "/dev/vdb"],
    ["vdb", "/dev/vdb"],
    ["virtio-root", "/dev/vda"],
    ["/dev/disk/by-id/nvme-Samsung_SSD_990_S1", "/dev/nvme0n1"],
    ["serial=data", "/dev/vdb"],
    ["model=samsung*", "/dev/nvme0n1"],
    ["size=500G", "/dev/vdb"],
    ["size>=600G", "/dev/nvme0n1"],
    ["size<100GB", "/dev/vda"],
    ["largest", "/dev/nvme0n1"],
    ["smallest", "/dev/vda"],
    ["size<=500G,largest", "/dev/vdb"],
    ["size>=15GiB,size<=0.1T,only", "/dev/vda"],
  ];
  for (const [device, want] of cases) it(device, () => expect(selectDisk(device, all, {}).path).toBe(want));

  const refusals: [string, string][] = [
    ["only", "device: only means 3 disks: /dev/nvme0n1, /dev/vda, /dev/vdb"],
    ["size>=20G", "device: size>=20G means 3 disks"],
    ["/dev/sda", "/dev/sda cannot be used: this system runs from it"],
    ["/dev/sdb", "/dev/sdb cannot be used: it has 1 GB, and k3OS needs 2.1 GB"],
    ["/dev/vdz", "no disk of this machine is what device says: /dev/vdz"],
    ["model=WDC", "no disk of this machine is what device says: model=WDC"],
    ["biggest", 'got "biggest"'],
    ["size>=many", 'got "size>=many"'],
    ["largest,smallest", 'got "largest,smallest"'],
    ["", 'got ""'],
  ];
  for (const [device, want] of refusals)
    it(`${device} is refused`, () => expect(() => selectDisk(device, all, {})).toThrow(want));

  it("lists the disks there are, and why some cannot be used", () => {
    expect(() => selectDisk("/dev/vdz", all, {})).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("/dev/sda  2 TB WDC (ata): this system runs from it") }),
    );
  });
});

describe("a disk that belongs to others", async () => {
  const found = `DEVNAME=/dev/vdb2
TYPE=LVM2_member

DEVNAME=/dev/vdc
LABEL=nas:0
TYPE=linux_raid_member
`;
  const parts = await findCandidates(
    machineWith(
      { vda: { size: 20 }, vdb: { size: 500, partitions: { 1: 1, 2: 499 } }, vdc: { size: 900 } },
      { programs: { blkid: () => ({ stdout: found }) } },
    ),
  );

  it("is never what largest, only or a size mean, whatever is forced", () => {
    for (const settings of [{}, { force: true }]) {
      for (const device of ["largest", "only"]) expect(selectDisk(device, parts, settings).path).toBe("/dev/vda");
      expect(() => selectDisk("size>=100G", parts, settings)).toThrow(
        expect.objectContaining({
          message: "no disk of this machine is what device says: size>=100G",
          hint: expect.stringMatching(/vdb .*: \/dev\/vdb2 belongs to an LVM volume group\n.*array "nas:0"$/),
        }),
      );
    }
  });

  it("is taken by its name only when that is forced", () => {
    expect(() => selectDisk("/dev/vdb", parts, {})).toThrow(
      "/dev/vdb cannot be used: /dev/vdb2 belongs to an LVM volume group",
    );
    expect(() => selectDisk("vdc", parts, {})).toThrow('/dev/vdc belongs to a RAID array "nas:0"');
    expect(selectDisk("/dev/vdb", parts, { force: true }).path).toBe("/dev/vdb");
  });
});

describe("candidates", () => {
  const refusal = async (files: Record<string, string>, disk = {}) =>
    (await findCandidates(machineWith({ sda: { partitions: { 1: 10, 2: 10 }, ...disk } }, { files })))[0]?.refusal;

  it("do not go without an answer from blkid", async () => {
    const host = machineWith({ sda: {} }, { programs: { blkid: () => ({ status: 127, stderr: "not found\n" }) } });
    await expect(findCandidates(host)).rejects.toThrow("the content of the disks cannot be read: not found");
  });

  it("names what holds a disk", async () => {
    expect(await refusal({ "/proc/mounts": "/dev/sda2 /mnt/a\\040b ext4 rw 0 0\n" })).toBe(
      "/dev/sda2 is mounted at /mnt/a b",
    );
    expect(await refusal({ "/proc/swaps": "Filename Type Size\n/dev/sda1 partition 1\n" })).toBe(
      "/dev/sda1 is in use as swap",
    );
    expect(await refusal({ "/sys/block/sda/sda2/holders/md0/x": "" })).toBe(
      "/dev/sda2 belongs to the RAID array /dev/md0",
    );
    const lvm = {
      "/sys/block/sda/holders/dm-0/x": "",
      "/sys/block/dm-0/dm/name": "vg-root\n",
      "/sys/block/dm-0/dm/uuid": "LVM-x\n",
    };
    expect(await refusal(lvm)).toBe("/dev/sda belongs to the LVM volume vg-root");
  });

  it("refuses what cannot be written", async () => {
    expect(await refusal({}, { facts: { ro: "1" } })).toBe("it is read-only");
    expect(await refusal({})).toBeUndefined();
  });
});
