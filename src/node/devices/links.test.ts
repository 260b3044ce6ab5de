import { describe, expect, it } from "vitest";
import { HostError } from "../../host/host.ts";
import type { MemoryHost } from "../../host/memory.ts";
import { machineWith } from "../install/testing.ts";
import { linkDisks } from "./links.ts";

const BLKID = `DEVNAME=/dev/vda1
LABEL=da\\ ta
UUID=fe108001-75fe-4880-8fda-21ff769a73aa
TYPE=ext4
PARTLABEL=one\\/two
PARTUUID=0b9d2c5e-01

DEVNAME=/dev/vda2
UUID=aaaa-bbbb
LABEL=host:0
TYPE=linux_raid_member
PARTUUID=0b9d2c5e-02

DEVNAME=/dev/vdb
LABEL=..
UUID=fe108001-75fe-4880-8fda-21ff769a73aa
TYPE=ext4
`;

const disks = {
  vda: { facts: { serial: "a" }, partitions: { 1: 5, 2: 15 } },
  vdb: { facts: { serial: "b" } },
};

function machine(options: { blkid?: string; status?: number } = {}): MemoryHost {
  const { blkid = BLKID, status = 0 } = options;
  const host = machineWith(disks, { programs: { blkid: () => ({ stdout: blkid, status, stderr: "no such thing" }) } });
  host.mkdir("/dev");
  for (const name of ["vda", "vda1", "vda2", "vdb"]) host.write(`/dev/${name}`, "");
  return host;
}

function links(host: MemoryHost): Record<string, string> {
  const directories = host.list("/dev/disk").map((name) => `/dev/disk/${name}`);
  const paths = directories.flatMap((directory) => host.list(directory).map((name) => `${directory}/${name}`));
  return Object.fromEntries(paths.map((path) => [path.slice("/dev/disk/".length), host.readLink(path)]));
}

describe("linkDisks", () => {
  it("names disks and partitions by what they are, and by what is on them", async () => {
    const host = machine();
    await linkDisks(host);
    expect(links(host)).toEqual({
      "by-id/virtio-a": "../../vda",
      "by-id/virtio-a-part1": "../../vda1",
      "by-id/virtio-a-part2": "../../vda2",
      "by-id/virtio-b": "../../vdb",
      "by-label/da\\x20ta": "../../vda1",
      "by-partlabel/one\\x2ftwo": "../../vda1",
      "by-partuuid/0b9d2c5e-01": "../../vda1",
      "by-partuuid/0b9d2c5e-02": "../../vda2",
      // Of two copies the first one has it; a part of an array has none.
      "by-uuid/fe108001-75fe-4880-8fda-21ff769a73aa": "../../vda1",
    });
  });

  it("has the path, too, and writes nothing that is right already", async () => {
    const host = machine();
    host.rename("/sys/block/vdb", "/sys/vdb");
    const at = "/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vdb";
    host.mkdir("/sys/devices/pci0000:00/0000:00:02.0/virtio1/block");
    host.rename("/sys/vdb", at);
    host.symlink("../devices/pci0000:00/0000:00:02.0/virtio1/block/vdb", "/sys/block/vdb");
    host.symlink("../../../bus/pci", "/sys/devices/pci0000:00/0000:00:02.0/subsystem");
    host.symlink("../../../../bus/virtio", "/sys/devices/pci0000:00/0000:00:02.0/virtio1/subsystem");
    host.symlink("../../../../../../class/block", `${at}/subsystem`);
    await linkDisks(host);
    expect(links(host)).toMatchObject({
      "by-path/pci-0000:00:02.0": "../../vdb",
      "by-path/virtio-pci-0000:00:02.0": "../../vdb",
    });
    const symlink = (): never => {
      throw new Error("written again");
    };
    await linkDisks({ ...host, symlink });
  });

  it("removes the names of what is gone or has another name now, and no link of others", async () => {
    const host = machine();
    await linkDisks(host);
    host.symlink("../../dm-0", "/dev/disk/by-id/dm-name-of-others");
    host.write("/dev/dm-0", "");
    host.remove("/sys/block/vda");
    for (const name of ["vda", "vda1", "vda2"]) host.remove(`/dev/${name}`);
    host.write("/sys/block/vdb/serial", "c\n");
    await linkDisks(host);
    expect(links(host)).toEqual({
      "by-id/dm-name-of-others": "../../dm-0",
      "by-id/virtio-c": "../../vdb",
      "by-uuid/fe108001-75fe-4880-8fda-21ff769a73aa": "../../vdb",
    });
  });

  it("has the names of the hardware if the disks cannot be read, and says so", async () => {
    const host = machine({ status: 124, blkid: "" });
    await expect(linkDisks(host)).rejects.toThrow("the content of the disks cannot be read: no such thing");
    expect(Object.keys(links(host))).toContain("by-id/virtio-a-part1");
  });

  it("loses no more than the link that cannot be made", async () => {
    const host = machine();
    const symlink = (target: string, path: string) => {
      if (path.endsWith("virtio-a")) throw new HostError("ENOSPC", "symlink", path);
      host.symlink(target, path);
    };
    await expect(linkDisks({ ...host, symlink })).rejects.toThrow("virtio-a: ENOSPC");
    expect(Object.keys(links(host))).toHaveLength(8);
  });
});
