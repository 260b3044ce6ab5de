import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { FILLED, PREBUILT } from "../../image/disk.ts";
import { DISCARDED } from "../initrd/persistent.ts";
import { STATE } from "../initrd/state.ts";

const filled = `${STATE}${FILLED}`;
/** What may stay unused at the end of a disk: the second copy of the partition table, and what a MiB leaves over. */
const SLACK = 4096;

/** A block device that is a partition, by its names in /sys. */
interface StatePartition {
  readonly name: string;
  readonly disk: string;
  readonly number: number;
}

/**
 * Takes care of the disk behind a node that keeps its state: an own identity at the first boot of a disk that was built, all of the
 * disk in use at every boot, and what a factory reset left is deleted in the background. Nothing to do costs a few looks at /sys.
 */
export async function tendDisk(host: Host): Promise<void> {
  const device = mountedAt(host, STATE);
  if (device === undefined) return;
  try {
    await fillDisk(host, device.slice("/dev/".length));
    await ensureOwnUuid(host, device);
  } catch (error) {
    if (!(error instanceof K3osError)) throw error;
    // A node with too little room is better than none.
    host.warn(`k3os: the state partition could not be grown: ${error.message}\n`);
  }
  deleteDiscarded(host);
}

function mountedAt(host: Host, target: string): string | undefined {
  const lines = host.readText("/proc/mounts").split("\n");
  return lines.map((line) => line.split(" ")).find(([, path]) => path === target)?.[0];
}

/** Each step is done again, harmlessly, unless the note of the last one says that all of them were: power may fail in between. */
async function fillDisk(host: Host, name: string): Promise<void> {
  const partition = partitionOf(host, name);
  const sectors = () => `${number(host, `${block(name)}/size`)}\n`;
  const isFilled = host.stat(filled) !== undefined && host.readText(filled) === sectors();
  if (isFilled && (partition === undefined || !hasRoom(host, partition))) return;
  if (partition !== undefined) await growPartition(host, partition);
  await run(host, ["resize2fs", `/dev/${name}`]);
  host.write(filled, sectors());
}

const block = (name: string) => `/sys/class/block/${name}`;
const number = (host: Host, path: string) => Number(host.readText(path));

/** The links of /sys tell which disk a partition is on, whatever it is called. */
function partitionOf(host: Host, name: string): StatePartition | undefined {
  if (host.stat(`${block(name)}/partition`) === undefined) return undefined;
  const disk = host.readLink(block(name)).split("/").at(-2) ?? "";
  return { name, disk, number: number(host, `${block(name)}/partition`) };
}

function hasRoom(host: Host, { name, disk }: StatePartition): boolean {
  const end = number(host, `${block(name)}/start`) + number(host, `${block(name)}/size`);
  return endOfRoom(host, disk, end) - end > SLACK;
}

/**
 * Writes both copies of the partition table, of which a power cut may have left one behind. The partition is in use meanwhile, so the
 * kernel is told of its new size alone, and not of the whole table.
 */
async function growPartition(host: Host, { disk, number: index }: StatePartition): Promise<void> {
  const sfdisk = ["sfdisk", "--quiet", "--force", "--no-reread", "--no-tell-kernel"];
  await run(host, [...sfdisk, "-N", `${index}`, `/dev/${disk}`], { input: ", +\n" });
  await run(host, ["partx", "--update", "--nr", `${index}`, `/dev/${disk}`]);
}

/** Where the next partition begins, or the disk ends. */
function endOfRoom(host: Host, disk: string, end: number): number {
  const starts = host
    .list(block(disk))
    .map((entry) => `${block(disk)}/${entry}/start`)
    .filter((path) => host.stat(path))
    .map((path) => number(host, path));
  return Math.min(number(host, `${block(disk)}/size`), ...starts.filter((start) => start >= end));
}

/** Disks that were built are all alike; a machine with two of them must not take one for the other. */
async function ensureOwnUuid(host: Host, device: string): Promise<void> {
  if (!host.readText("/proc/cmdline").includes(`UUID=${PREBUILT.state}:`)) return;
  await run(host, ["tune2fs", "-U", "random", device]);
}

function deleteDiscarded(host: Host): void {
  const path = `${STATE}${DISCARDED}`;
  if (host.stat(path)) void host.exec(["ionice", "-c", "idle", "rm", "-rf", path], { inherit: true });
}
