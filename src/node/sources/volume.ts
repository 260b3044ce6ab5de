import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { mount } from "../initrd/mount.ts";

const FOLDER = "/run/k3os/cidata";

/**
 * Reads files of the first volume that one of these tags of blkid(8) tells (`LABEL=cidata`, `TYPE=udf`), each the first of its paths that
 * there is. `undefined` when the machine has no such volume. It is mounted for as long as that takes.
 */
export async function readVolume(
  host: Host,
  tags: readonly string[],
  files: Readonly<Record<string, readonly string[]>>,
): Promise<Readonly<Record<string, Uint8Array | undefined>> | undefined> {
  const device = await tagged(host, tags);
  if (device === undefined) return undefined;
  await mount(host, { type: "auto", source: device, target: FOLDER, options: "ro" });
  try {
    const read = Object.entries(files).map(([name, paths]) => {
      const path = paths.map((candidate) => `${FOLDER}/${candidate}`).find((candidate) => host.stat(candidate));
      return [name, path === undefined ? undefined : host.read(path)];
    });
    return Object.fromEntries(read);
  } finally {
    await run(host, ["umount", FOLDER]);
  }
}

async function tagged(host: Host, tags: readonly string[]): Promise<string | undefined> {
  for (const tag of tags) {
    const label = /^LABEL=(.*)/.exec(tag)?.[1];
    const search = label === undefined ? ["-c", "/dev/null", "-l", "-o", "device", "-t", tag] : ["-L", label];
    const { status, stdout } = await host.exec(["blkid", ...search]);
    if (status === 0) return stdout.trim();
  }
  return undefined;
}
