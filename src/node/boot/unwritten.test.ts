import { expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { limitUnwritten } from "./unwritten.ts";

function machine(source: string, path: string) {
  const device = `/sys/devices/${path}`;
  const disk = path.endsWith("3") ? device.slice(0, device.lastIndexOf("/")) : device;
  const host = memoryHost({
    files: {
      "/proc/mounts": `/dev/root / squashfs ro 0 0\n/dev/${source} /run/k3os/state ext4 rw 0 0\n`,
      [`${disk}/bdi/max_bytes`]: "357203968\n",
      [`${disk}/bdi/strict_limit`]: "0\n",
      ...(disk !== device && { [`${device}/partition`]: "3\n" }),
    },
  });
  host.mkdir("/sys/class/block");
  for (const name of new Set([device, disk]))
    host.symlink(`../../devices/${name.slice("/sys/devices/".length)}`, `/sys/class/block/${name.split("/").at(-1)}`);
  return {
    host,
    limit: () => ["max_bytes", "strict_limit"].map((file) => host.readText(`${disk}/bdi/${file}`).trim()),
  };
}

it.each([
  ["a disk", "vda3", "pci0000:00/0000:00:03.0/virtio1/block/vda/vda3", "16777216"],
  ["a disk without partitions", "vdb", "pci0000:00/0000:00:04.0/virtio2/block/vdb", "16777216"],
  ["a card", "mmcblk0p3", "platform/3f202000.mmc/mmc_host/mmc0/mmc0:4567/block/mmcblk0/mmcblk0p3", "8388608"],
  ["a stick", "sda3", "pci0000:00/0000:00:05.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda/sda3", "8388608"],
])("limits what is not written yet to %s", (_name, source, path, bytes) => {
  const { host, limit } = machine(source, path);
  limitUnwritten(host);
  expect(limit()).toEqual([bytes, "1"]);
});

it("limits nothing where the state is in memory", () => {
  const host = memoryHost({ files: { "/proc/mounts": "/dev/root / squashfs ro 0 0\n" } });
  limitUnwritten(host);
  expect(host.stat("/sys/class/block")).toBeUndefined();
});
