import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { FILLED, PREBUILT } from "../../image/disk.ts";
import { doAll, reasonOf, throwAll } from "../failure.ts";
import { DISCARDED } from "../initrd/persistent.ts";
import { STATE } from "../places.ts";
import { diskOf, stateDevice } from "../state-disk.ts";

const filled = `${STATE}${FILLED}`;
/** Sectors that may stay unused at the end of a disk: the backup partition table, and less than a MiB. */
const SLACK = 4096;

/**
 * Maintains the disk with the node's state. At the first boot from a built disk it gets its own UUID. The file system
 * grows to fill the disk. What a factory reset discarded is deleted in the background. If there is nothing to do, no
 * program runs.
 */
export async function maintainDisk(host: Host): Promise<void> {
  const name = stateDevice(host);
  if (name === undefined) return;
  await doAll([() => improve(host, name), () => deleteDiscarded(host)]);
}

/** One after the other, because both write to the file system's superblock. */
async function improve(host: Host, name: string): Promise<void> {
  const errors: unknown[] = [];
  await fillDisk(host, name).catch((error) =>
    // A node with too little room is better than no node.
    errors.push(new K3osError("host", `the state partition could not be grown: ${reasonOf(error)}`, { cause: error })),
  );
  await ensureOwnUuid(host, `/dev/${name}`).catch((error) => errors.push(error));
  throwAll(errors);
}

/**
 * Grows the partition and then the file system. After a power cut in between, the next boot repeats all steps, which
 * does no harm. A note marks that all of them are complete.
 */
async function fillDisk(host: Host, name: string): Promise<void> {
  const disk = diskOf(host, name);
  const isPartition = disk !== name;
  const sectors = () => `${number(host, `${block(name)}/size`)}\n`;
  const isFilled = readTextIf(host, filled) === sectors();
  if (isFilled && !(isPartition && hasRoom(host, name, disk))) return;
  if (isPartition) await growPartition(host, name, disk);
  await run(host, ["resize2fs", `/dev/${name}`]);
  host.write(filled, sectors());
}

const block = (name: string) => `/sys/class/block/${name}`;
const number = (host: Host, path: string) => Number(host.readText(path));

function hasRoom(host: Host, name: string, disk: string): boolean {
  const end = number(host, `${block(name)}/start`) + number(host, `${block(name)}/size`);
  return endOfRoom(host, disk, end) - end > SLACK;
}

/**
 * Writes both copies of the partition table, since a power cut may have left an old one. The partition is in use, so
 * the kernel is told only its new size and does not reread the table.
 */
async function growPartition(host: Host, name: string, disk: string): Promise<void> {
  const index = number(host, `${block(name)}/partition`);
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

/** All built disks have the same UUID. A machine with two of them must be able to tell them apart. */
async function ensureOwnUuid(host: Host, device: string): Promise<void> {
  if (!host.readText("/proc/cmdline").includes(`UUID=${PREBUILT.state}:`)) return;
  await run(host, ["tune2fs", "-U", "random", device]);
}

function deleteDiscarded(host: Host): void {
  const path = `${STATE}${DISCARDED}`;
  if (host.stat(path)) void host.exec(["ionice", "-c", "idle", "rm", "-rf", path], { inherit: true });
}
