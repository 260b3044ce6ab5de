import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { PREBUILT } from "../../image/disk.ts";
import { maintainDisk } from "./disk.ts";

interface Disk {
  readonly disk?: string;
  readonly partition?: string;
  /** In sectors. */
  readonly diskSize: number;
  readonly filled?: number;
  readonly cmdline?: string;
  readonly sfdisk?: number;
}

const start = 135_168;
const size = 1_000_000;

function machine({ disk = "vda", partition = "vda3", diskSize, filled, cmdline = "", sfdisk = 0 }: Disk) {
  const device = `/sys/devices/pci/block/${disk}`;
  const host = memoryHost({
    files: {
      "/proc/mounts": `/dev/root / squashfs ro 0 0\n/dev/${partition} /run/k3os/state ext4 rw 0 0\n`,
      "/proc/cmdline": `${cmdline}\n`,
      [`${device}/size`]: `${diskSize}\n`,
      [`${device}/${partition}/start`]: `${start}\n`,
      [`${device}/${partition}/size`]: `${size}\n`,
      [`${device}/${partition}/partition`]: "3\n",
      "/run/k3os/state/k3os/x": "",
      ...(filled === undefined ? {} : { "/run/k3os/state/k3os/filled": `${filled}\n` }),
    },
    programs: {
      sfdisk: () => ({ status: sfdisk }),
      partx: () => {
        host.write(`${device}/${partition}/size`, `${diskSize - start}\n`);
        return {};
      },
      resize2fs: () => ({}),
      tune2fs: () => ({}),
      ionice: () => ({}),
    },
  });
  host.mkdir("/sys/class/block");
  host.symlink(`../../devices/pci/block/${disk}`, `/sys/class/block/${disk}`);
  host.symlink(`../../devices/pci/block/${disk}/${partition}`, `/sys/class/block/${partition}`);
  return host;
}

describe("maintainDisk", () => {
  it("runs no program when all of the disk is in use", async () => {
    const host = machine({ diskSize: start + size + 2048, filled: size });
    await maintainDisk(host);
    expect(host.ran).toEqual([]);
  });

  it.each([
    ["vda", "vda3"],
    ["nvme0n1", "nvme0n1p3"],
    ["mmcblk0", "mmcblk0p3"],
  ])("grows partition and file system when %s has grown", async (disk, partition) => {
    const host = machine({ disk, partition, diskSize: 8_000_000, filled: size });
    await maintainDisk(host);
    expect(host.ran.map((argv) => argv.join(" "))).toEqual([
      `sfdisk --quiet --force --no-reread --no-tell-kernel -N 3 /dev/${disk}`,
      `partx --update --nr 3 /dev/${disk}`,
      `resize2fs /dev/${partition}`,
    ]);
    expect(host.readText("/run/k3os/state/k3os/filled")).toBe(`${8_000_000 - start}\n`);
  });

  it("leaves alone what somebody put behind it", async () => {
    const host = machine({ diskSize: 8_000_000, filled: size });
    host.mkdir("/sys/devices/pci/block/vda/vda4");
    host.write("/sys/devices/pci/block/vda/vda4/start", `${start + size}\n`);
    await maintainDisk(host);
    expect(host.ran).toEqual([]);
  });

  it.each([500_000, undefined])("does all again after a power cut while it grew: noted %s", async (noted) => {
    const host = machine({ diskSize: start + size + 2048, ...(noted && { filled: noted }) });
    await maintainDisk(host);
    expect(host.ran.map(([program]) => program)).toEqual(["sfdisk", "partx", "resize2fs"]);
    await maintainDisk(host);
    expect(host.ran).toHaveLength(3);
  });

  it("does the rest for a disk that cannot be grown, and tells it then", async () => {
    const cmdline = `k3os.root=UUID=${PREBUILT.state}:/k3os/system/current/root.squashfs`;
    const host = machine({ diskSize: 8_000_000, filled: size, sfdisk: 1, cmdline });
    host.mkdir("/run/k3os/state/k3os/discarded/some-uuid");
    await expect(maintainDisk(host)).rejects.toThrow("the state partition could not be grown: sfdisk");
    expect(host.ran.map(([program]) => program)).toEqual(["sfdisk", "ionice", "tune2fs"]);
  });

  it("gives a disk that was built an identity of its own", async () => {
    const cmdline = `quiet k3os.root=UUID=${PREBUILT.state}:/k3os/system/current/root.squashfs`;
    const host = machine({ diskSize: start + size, filled: size, cmdline });
    await maintainDisk(host);
    expect(host.ran).toEqual([["tune2fs", "-U", "random", "/dev/vda3"]]);
  });

  it("deletes in the background what was discarded", async () => {
    const host = machine({ diskSize: start + size, filled: size });
    host.mkdir("/run/k3os/state/k3os/discarded/some-uuid");
    await maintainDisk(host);
    expect(host.ran).toEqual([["ionice", "-c", "idle", "rm", "-rf", "/run/k3os/state/k3os/discarded"]]);
  });

  it("has nothing to do on a live system", async () => {
    const host = memoryHost({ files: { "/proc/mounts": "/dev/root / squashfs ro 0 0\n" } });
    await maintainDisk(host);
    expect(host.ran).toEqual([]);
  });
});
