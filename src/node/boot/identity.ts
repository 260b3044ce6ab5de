import { parentOf, readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { NODE_DATA } from "../places.ts";

/**
 * Gives the machine an identity (machine-id(5)) at its first boot, and the same one at every later boot. Restores its
 * ssh host keys, too. An identity or key that the image or the user has put there stays.
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
  // If the identity cannot be saved, it is valid for this boot only.
  return doAll([
    () => host.write("/etc/machine-id", id, { mode: 0o444 }),
    () => kept ?? host.write(path, id, { mode: 0o444 }),
  ]);
}

/** The service sshd (os/rootfs/etc/init.d/sshd) makes missing keys. */
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

/** Makes `path` a link to `target`, so that files written there end up in `target`. */
function linkDirectory(host: Host, path: string, target: string): void {
  if (host.stat(path) !== undefined) return;
  host.mkdir(target, { mode: 0o700 });
  host.mkdir(parentOf(path));
  host.symlink(target, path);
}
