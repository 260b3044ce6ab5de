import { parse } from "yaml";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { mount } from "../init/mount.ts";

/** Where data sources leave what they found, for the layers to read. */
export const RUN_CONFIG = "/run/config";
/** NoCloud's label, in both spellings that its documentation allows. */
const LABELS = ["cidata", "CIDATA"];
const FOLDER = "/run/k3os/cidata";

/**
 * Copies a NoCloud volume's files to `/run/config`: `userdata`, `local_hostname` and `ssh/authorized_keys`, readable by root
 * only, since user data holds tokens. Returns false when the machine has no such volume.
 * Format: cloud-init's NoCloud data source (`user-data`, `meta-data`); old k3OS also took a `config` in place of `user-data`.
 */
export async function readNoCloud(host: Host): Promise<boolean> {
  const device = await volume(host);
  if (device === undefined) return false;
  await mount(host, { type: "auto", source: device, target: FOLDER, options: "ro" });
  try {
    host.mkdir(`${RUN_CONFIG}/ssh`, { mode: 0o700 });
    const userData = ["user-data", "config"].map((name) => `${FOLDER}/${name}`).find((path) => host.stat(path));
    if (userData !== undefined) host.write(`${RUN_CONFIG}/userdata`, host.read(userData), { mode: 0o600 });
    const metaData = `${FOLDER}/meta-data`;
    if (host.stat(metaData)) writeMetaData(host, host.readText(metaData));
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

function writeMetaData(host: Host, text: string): void {
  const { hostname, keys } = metaData(text);
  if (hostname !== undefined) host.write(`${RUN_CONFIG}/local_hostname`, `${hostname}\n`);
  if (keys.length > 0) {
    host.write(`${RUN_CONFIG}/ssh/authorized_keys`, `${keys.join("\n")}\n`, { mode: 0o600 });
  }
}

/**
 * Host name and public keys of a NoCloud `meta-data` file. Keys may be a list, a map of names to keys, or a map of numbers to
 * `openssh-key` (EC2's shape): all three are in the wild.
 */
export function metaData(text: string): { hostname: string | undefined; keys: string[] } {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 16 });
  } catch (error) {
    throw new K3osError("config", `meta-data of the NoCloud volume is no YAML: ${String(error).split("\n")[0]}`, {
      cause: error,
    });
  }
  if (value === null || typeof value !== "object") return { hostname: undefined, keys: [] };
  const fields = value as Record<string, unknown>;
  const hostname = fields["local-hostname"] ?? fields.hostname;
  const keys = fields["public-keys"] ?? fields.public_keys;
  return { hostname: hostname === undefined ? undefined : String(hostname), keys: [...keyStrings(keys)] };
}

function* keyStrings(value: unknown): Generator<string> {
  if (typeof value === "string") yield* value.split("\n").filter((line) => line.trim() !== "");
  else if (value !== null && typeof value === "object")
    for (const item of Object.values(value)) yield* keyStrings(item);
}
