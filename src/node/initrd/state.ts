import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { logToKernel } from "../kernel-log.ts";
import { STATE } from "../places.ts";
import { mount } from "./mount.ts";

/**
 * Mounts the state partition. The kernel replays its journal. e2fsck(8) runs only if the kernel refuses the file
 * system.
 */
export async function mountState(host: Host, device: string): Promise<void> {
  if (await tryMount(host, device)) return;
  await repair(host, device);
  await mount(host, volume(device));
}

/** How many errors the kernel has recorded in the mounted file system, including those of earlier boots. */
export function errorsNoted(host: Host, device: string): number {
  return Number(readTextIf(host, `/sys/fs/ext4/${device.slice("/dev/".length)}/errors_count`) ?? 0);
}

/** Unmounts the state partition, repairs it, and mounts it again. */
export async function repairMounted(host: Host, device: string): Promise<void> {
  await run(host, ["umount", STATE]);
  await repair(host, device);
  await mount(host, volume(device));
}

const volume = (source: string) => ({ type: "ext4", source, target: STATE, options: "noatime" });

async function tryMount(host: Host, device: string): Promise<boolean> {
  try {
    await mount(host, volume(device));
    return true;
  } catch (error) {
    if (error instanceof K3osError) return false;
    throw error;
  }
}

/** Where mke2fs(8) puts the first copy in a file system with blocks of 4096 bytes. */
export const BACKUP_SUPERBLOCK = ["-B", "4096", "-b", "32768"] as const;

async function repair(host: Host, device: string): Promise<void> {
  logToKernel(host, `checking the file system on ${device}`);
  const first = await host.exec(["e2fsck", "-p", device]);
  // 1: errors were corrected. 2: a reboot is also needed, but only for a mounted file system.
  if (first.status <= 3) return;
  // The superblock lies across two sectors of 512 bytes, and a power cut may tear it. Then its first copy is right.
  const { status, stdout, stderr } = await host.exec(["e2fsck", "-p", ...BACKUP_SUPERBLOCK, device]);
  if (status <= 3) return;
  const said = `${stdout}${stderr}`.trim().split("\n").slice(-3).join(" ");
  throw new K3osError("machine", `the file system on ${device} cannot be repaired safely: ${said}`, {
    hint: `Look at it, or let all be repaired: e2fsck -y ${device}; then: reboot -f`,
  });
}
