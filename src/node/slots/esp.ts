import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { ESP, partitionDevice } from "../../image/disk.ts";
import { mounted } from "../mounted.ts";
import { readMounts } from "../mounts.ts";
import { RUN } from "../places.ts";
import { diskOf, stateDevice } from "../state-disk.ts";

/**
 * Does `work` with the ESP of this node's disk, mounted for root at the path that `work` gets. It is mounted only as
 * long as somebody reads or writes it, so a power cut at any other moment finds it clean.
 */
export function withEsp<T>(host: Host, work: (esp: string) => Promise<T>): Promise<T> {
  const source = espDevice(host);
  // A directory of this process: two may read it at the same time.
  const target = `${RUN}/esp-${host.readLink("/proc/self")}`;
  const esp = { type: "vfat", source, target, options: "umask=077" };
  // Never `host.remove`: where the ESP is still mounted, because it is in use, that would delete all that is on it.
  return mounted(host, esp, () => work(target)).finally(() => host.exec(["rmdir", target]));
}

/**
 * Puts everything that was written to the ESP mounted at `esp` onto the disk, in front of all that is written later.
 * Linux' vfat makes a disk empty its cache when a file is synced (fsync(2)), and not for syncfs(2).
 */
export async function syncEsp(host: Host, esp: string): Promise<void> {
  await run(host, ["sync", "-f", esp]);
  await run(host, ["sync", esp]);
}

/** How often fsck.fat(8) is run. A second pass was needed now and then, a third one never. */
export const MOST_PASSES = 3;

/**
 * Mends what a power cut has left of a FAT: names that lead to free clusters, at which Linux makes it read-only, and
 * clusters that no name leads to, which add up. Call it before files are replaced. Does nothing while it is mounted.
 */
export async function mendEsp(host: Host, device: string): Promise<void> {
  if (readMounts(host).some(({ source }) => source === device)) return;
  const fsck = () => host.exec(["fsck.fat", "-a", device]);
  let { status, stdout, stderr } = await fsck();
  // 1: something was mended, which may show something else.
  for (let passes = 1; status === 1 && passes < MOST_PASSES; passes++) ({ status, stdout, stderr } = await fsck());
  if (status <= 1) return;
  const said = (stderr || stdout).trim().split("\n").at(-1);
  throw new K3osError("host", `the ESP ${device} cannot be mended: fsck.fat ends with ${status}: ${said}`, {
    hint: "Boot the ISO of this version, and install it with --no-format. Data and config stay.",
  });
}

/** The name of the disk that holds the state partition, such as `sda`. Throws if this node does not run from a disk. */
export function ownDisk(host: Host): string {
  const device = stateDevice(host);
  if (device === undefined) {
    throw new K3osError("usage", "this node does not run from a disk: it has no slots", {
      hint: "Install it: sudo k3os install",
    });
  }
  return diskOf(host, device);
}

/** The ESP on that disk. Throws if there is none. */
export function espDevice(host: Host): string {
  const disk = ownDisk(host);
  const esp = partitionDevice(`/dev/${disk}`, ESP.number);
  if (host.stat(esp) === undefined) {
    throw new K3osError("host", `the disk /dev/${disk} has no ESP: there is no ${esp}`, {
      hint: "Boot the ISO of this version, and install it with --no-format. Data and config stay.",
    });
  }
  return esp;
}
