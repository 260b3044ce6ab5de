import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { type OnFailure, rethrow } from "../failure.ts";
import { mount } from "../initrd/mount.ts";
import { RUN } from "../places.ts";

const FOLDER = `${RUN}/cidata`;

/**
 * Reads files of the first volume that one of these tags of blkid(8) tells (`LABEL=cidata`, `TYPE=udf`), each the first of its paths that
 * there is. `undefined` when the machine has no such volume. It is mounted for as long as that takes. Throws if it cannot be
 * mounted; what fails afterwards, such as one of the files, is handed to `onFailure`.
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

/** What blkid(8) ends with if no volume has the tag. */
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
