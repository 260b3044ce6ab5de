import { parentOf, readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { NODE_DATA } from "../places.ts";

/**
 * Gives the machine an identity (machine-id(5)) at its first boot, and the same one at every other; brings back the keys by which
 * others know it. A file of the image, or of the user's, at one of these places stays.
 */
export async function restoreIdentity(host: Host): Promise<void> {
  await doAll([
    () => host.mkdir(NODE_DATA),
    () => restoreMachineId(host),
    () => restoreHostKeys(host),
    () => linkDirectory(host, "/etc/rancher/node", `${NODE_DATA}/node`),
  ]);
}

function restoreMachineId(host: Host): Promise<void> | undefined {
  const existing = host.stat("/etc/machine-id");
  if (existing !== undefined && existing.size > 0) return undefined;
  const path = `${NODE_DATA}/machine-id`;
  const kept = readTextIf(host, path);
  const id = kept ?? host.readText("/proc/sys/kernel/random/uuid").replaceAll("-", "");
  // If it cannot be kept, the machine has one for this boot.
  return doAll([
    () => host.write("/etc/machine-id", id, { mode: 0o444 }),
    () => kept ?? host.write(path, id, { mode: 0o444 }),
  ]);
}

/** Made by the service sshd (os/rootfs/etc/init.d/sshd) where there are none. */
async function restoreHostKeys(host: Host): Promise<void> {
  const kept = `${NODE_DATA}/ssh`;
  if (host.stat(kept) === undefined) return;
  const names = host.list(kept).filter((name) => name.startsWith("ssh_host_"));
  await doAll(
    names.map((name) => () => {
      if (host.stat(`/etc/ssh/${name}`) === undefined) host.symlink(`${kept}/${name}`, `/etc/ssh/${name}`);
    }),
  );
}

/** Makes `path` a link, so that what is written there ends up in `target`. */
function linkDirectory(host: Host, path: string, target: string): void {
  if (host.stat(path) !== undefined) return;
  host.mkdir(target, { mode: 0o700 });
  host.mkdir(parentOf(path));
  host.symlink(target, path);
}
