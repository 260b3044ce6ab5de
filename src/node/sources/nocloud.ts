import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { mount } from "../init/mount.ts";

/** Where data sources leave what they found, for the layers to read. */
export const RUN_CONFIG = "/run/config";
/** NoCloud's label, in both spellings that its documentation allows. */
const LABELS = ["cidata", "CIDATA"];
const FOLDER = "/run/k3os/cidata";
/** What a volume calls it, and what we do; old k3OS also took a `config` in place of `user-data`. */
const FILES = [
  { from: ["user-data", "config"], to: `${RUN_CONFIG}/userdata` },
  { from: ["meta-data"], to: `${RUN_CONFIG}/meta-data` },
];

/**
 * Copies the files of a NoCloud volume to `/run/config`, readable by root only, since user data holds tokens. Returns false when
 * the machine has no such volume. Format: cloud-init's NoCloud data source.
 */
export async function readNoCloud(host: Host): Promise<boolean> {
  const device = await volume(host);
  if (device === undefined) return false;
  await mount(host, { type: "auto", source: device, target: FOLDER, options: "ro" });
  try {
    host.mkdir(RUN_CONFIG, { mode: 0o700 });
    for (const { from, to } of FILES) {
      const path = from.map((name) => `${FOLDER}/${name}`).find((candidate) => host.stat(candidate));
      if (path !== undefined) host.write(to, host.read(path), { mode: 0o600 });
    }
  } finally {
    await run(host, ["umount", FOLDER]);
  }
  return true;
}

async function volume(host: Host): Promise<string | undefined> {
  for (const label of LABELS) {
    const { status, stdout } = await host.exec(["blkid", "-L", label]);
    if (status === 0) return stdout.trim();
  }
  return undefined;
}
