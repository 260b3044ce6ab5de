import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { ESP, MAKE_ESP, MAKE_STATE, PARTITIONS, partitionDevice, partitionScript, STATE } from "../../image/disk.ts";
import type { Disk } from "../devices/disks.ts";

/**
 * Erases everything that firmware or a kernel could recognise: file systems, both copies of the partition table, the
 * loader. From here on the disk does not boot, until the new loader is written as the last step.
 */
export async function erase(host: Host, { path, partitions }: Disk): Promise<void> {
  for (const partition of partitions) await run(host, ["wipefs", "--all", "--force", "--quiet", partition.path]);
  await run(host, ["wipefs", "--all", "--force", "--quiet", path]);
  await run(host, ["dd", "if=/dev/zero", `of=${path}`, "bs=1048576", "count=1", "conv=fsync"]);
}

/**
 * Writes the partition table and waits until the kernel knows it. Otherwise data would be written to the partitions of
 * an older table.
 */
export async function partition(host: Host, disk: Disk): Promise<void> {
  const argv = ["sfdisk", "--quiet", "--wipe", "always", "--wipe-partitions", "always", disk.path];
  await run(host, argv, { input: partitionScript() });
  if (!isKnown(host, disk)) await host.exec(["blockdev", "--rereadpt", disk.path]);
  for (let tries = 0; !isKnown(host, disk) && tries < 100; tries++) await host.sleep(50);
  if (isKnown(host, disk)) return;
  throw new K3osError("host", `the kernel does not see the new partitions of ${disk.path}`, {
    hint: "Is something else using the disk? Restart the machine and install again.",
  });
}

function isKnown(host: Host, disk: Disk): boolean {
  return PARTITIONS.every(({ number, startMiB }) => {
    const start = attribute(disk, number, "start");
    const isThere = host.stat(partitionDevice(disk.path, number)) && host.stat(start);
    return isThere && Number(host.readText(start)) === startMiB * 2048;
  });
}

/** Size of a partition in units of 512 bytes, which /sys uses for every disk. */
export function sectorsOf(host: Host, disk: Disk, number: number): number {
  return Number(host.readText(attribute(disk, number, "size")));
}

function attribute({ name, path }: Disk, number: number, file: string): string {
  return `/sys/block/${name}/${partitionDevice(path, number).slice("/dev/".length)}/${file}`;
}

export async function makeFileSystems(host: Host, { path }: Disk): Promise<void> {
  const [, ...fat] = MAKE_ESP;
  await run(host, ["mkdosfs", ...fat, partitionDevice(path, ESP.number)]);
  await run(host, [...MAKE_STATE, partitionDevice(path, STATE.number)]);
}
