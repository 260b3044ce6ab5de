import type { Step } from "../../config/steps/step.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { isMounted } from "../mounts.ts";

/**
 * How long to wait for a device. A slow controller needs seconds, but a missing disk must not keep a node from booting.
 */
const PATIENCE_MS = 10_000;
const INTERVAL_MS = 100;

/** Mounts a volume. Makes its file system first if the step says so and the device is empty. */
export async function mountVolume(host: Host, step: Step<"mount">): Promise<void> {
  const { device: spec, path, type, options, format } = step;
  const device = await awaitDevice(host, spec);
  if (format && (await isEmpty(host, device))) await run(host, ["mkfs.ext4", "-q", device]);
  await makeRoom(host, path);
  host.mkdir(path);
  const how = [...(type === undefined ? [] : ["-t", type]), ...(options === undefined ? [] : ["-o", options])];
  await run(host, ["mount", ...how, device, path]);
}

async function awaitDevice(host: Host, spec: string): Promise<string> {
  const end = host.monotonic() + PATIENCE_MS;
  for (;;) {
    const found = await findDevice(host, spec);
    if (found !== undefined) return found;
    if (host.monotonic() >= end) {
      const hint = "Is the disk attached? `blkid` lists the volumes that there are.";
      throw new K3osError("config", `there is no device ${spec} after ${PATIENCE_MS / 1000} s`, { hint });
    }
    await host.sleep(INTERVAL_MS);
  }
}

async function findDevice(host: Host, spec: string): Promise<string | undefined> {
  if (spec.startsWith("/")) return host.stat(spec) === undefined ? undefined : spec;
  const { status, stdout } = await host.exec(["findfs", spec]);
  return status === 0 ? stdout.trim() : undefined;
}

/** blkid(8) exits with 2 if it finds no file system, no partitions, and nothing else that it knows. */
async function isEmpty(host: Host, device: string): Promise<boolean> {
  const { status, stderr } = await host.exec(["blkid", "--probe", device]);
  if (status !== 0 && status !== 2) {
    throw new K3osError("config", `the content of ${device} cannot be read: ${stderr.trim() || `status ${status}`}`);
  }
  return status === 2;
}

/** Makes the mount point. The root is read-only, so /mnt, /media and /srv need a writable file system first. */
async function makeRoom(host: Host, path: string): Promise<void> {
  const top = `/${path.split("/")[1]}`;
  if (path === top || !["/mnt", "/media", "/srv"].includes(top) || isMounted(host, top)) return;
  await run(host, ["mount", "-t", "tmpfs", "-o", "mode=755,size=1m,nosuid,nodev", "k3os", top]);
}
