import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type OnFailure, rethrow } from "../failure.ts";
import { mount } from "../initrd/mount.ts";
import { RUN } from "../places.ts";

const FOLDER = `${RUN}/cidata`;

/**
 * Reads files of the first volume that has one of these tags of blkid(8) (`LABEL=cidata`, `TYPE=udf`). Each file is the
 * first of its paths that exists. `undefined` if the machine has no such volume. The volume is mounted meanwhile.
 * Throws if it cannot be mounted. Later failures, such as one unreadable file, go to `onFailure`.
 */
export async function readVolume(
  host: Host,
  tags: readonly string[],
  files: Readonly<Record<string, readonly string[]>>,
  onFailure: OnFailure = rethrow,
): Promise<Readonly<Record<string, Uint8Array | undefined>> | undefined> {
  const device = await tagged(host, tags);
  if (device === undefined) return undefined;
  await mount(host, { type: "auto", source: device, target: FOLDER, options: "ro" });
  const read: Record<string, Uint8Array | undefined> = {};
  for (const [name, paths] of Object.entries(files)) {
    try {
      const path = paths.map((candidate) => `${FOLDER}/${candidate}`).find((candidate) => host.stat(candidate));
      read[name] = path === undefined ? undefined : host.read(path);
    } catch (error) {
      onFailure(error);
    }
  }
  await run(host, ["umount", FOLDER]).catch(onFailure);
  return read;
}

/** The exit status of blkid(8) if no volume has the tag. */
const NOT_FOUND = 2;

async function tagged(host: Host, tags: readonly string[]): Promise<string | undefined> {
  for (const tag of tags) {
    const label = /^LABEL=(.*)/.exec(tag)?.[1];
    const search = label === undefined ? ["-c", "/dev/null", "-l", "-o", "device", "-t", tag] : ["-L", label];
    const { status, stdout, stderr } = await host.exec(["blkid", ...search]);
    if (status === 0) return stdout.trim();
    if (status !== NOT_FOUND) throw new K3osError("host", `blkid ended with status ${status}: ${stderr.trim()}`);
  }
  return undefined;
}
