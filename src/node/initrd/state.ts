import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { mount } from "./mount.ts";

/** Where the state partition is mounted, writable for root: before and after the change of root. */
export const STATE = "/run/k3os/state";

/**
 * Mounts the state partition. The kernel replays its journal; e2fsck(8) is run only when the kernel refuses the file system or noted an
 * error in it, then or at an earlier boot.
 */
export async function mountState(host: Host, device: string): Promise<void> {
  if (!(await tryMount(host, device))) {
    await repair(host, device);
    await mount(host, volume(device));
  } else if (errorsNoted(host, device) > 0) {
    await run(host, ["umount", STATE]);
    await repair(host, device);
    await mount(host, volume(device));
  }
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

function errorsNoted(host: Host, device: string): number {
  const path = `/sys/fs/ext4/${device.slice("/dev/".length)}/errors_count`;
  return host.stat(path) === undefined ? 0 : Number(host.readText(path));
}

async function repair(host: Host, device: string): Promise<void> {
  host.poke("/dev/kmsg", `k3os: checking the file system on ${device}\n`);
  const { status, stdout, stderr } = await host.exec(["e2fsck", "-p", device]);
  // 1: errors were corrected; 2: and a reboot is asked for, which concerns mounted file systems only.
  if (status <= 3) return;
  const said = `${stdout}${stderr}`.trim().split("\n").slice(-3).join(" ");
  throw new K3osError("machine", `the file system on ${device} cannot be repaired safely: ${said}`, {
    hint: `Look at it, or let all be repaired: e2fsck -y ${device}; then: reboot -f`,
  });
}
