import type { Host } from "../../host/host.ts";

/** Where a node keeps what it is, however often it boots. In memory on a live system. */
export const KEPT = "/var/lib/rancher/k3os";
/** The name under which Kubernetes knows this node. */
export const NODE_NAME = `${KEPT}/node-name`;

/**
 * Gives the machine an identity (machine-id(5)) at its first boot, and the same one at every other; brings back the keys by which
 * others know it. A file of the image, or of the user's, at one of these places stays.
 */
export function restoreIdentity(host: Host): void {
  host.mkdir(KEPT);
  restoreMachineId(host);
  restoreHostKeys(host);
  keepDirectory(host, "/etc/rancher/node", `${KEPT}/node`);
}

function restoreMachineId(host: Host): void {
  const existing = host.stat("/etc/machine-id");
  if (existing !== undefined && existing.size > 0) return;
  const kept = `${KEPT}/machine-id`;
  if (host.stat(kept) === undefined) {
    const id = host.readText("/proc/sys/kernel/random/uuid").replace(/[-\n]/g, "");
    host.write(kept, `${id}\n`, { mode: 0o444 });
  }
  host.write("/etc/machine-id", host.readText(kept), { mode: 0o444 });
}

/** Made by the service sshd (os/rootfs/etc/init.d/sshd) where there are none. */
function restoreHostKeys(host: Host): void {
  const kept = `${KEPT}/ssh`;
  if (host.stat(kept) === undefined) return;
  for (const name of host.list(kept).filter((file) => file.startsWith("ssh_host_"))) {
    if (host.stat(`/etc/ssh/${name}`) === undefined) host.symlink(`${kept}/${name}`, `/etc/ssh/${name}`);
  }
}

/** Has what is written to `path` end up in `kept`. */
function keepDirectory(host: Host, path: string, kept: string): void {
  if (host.stat(path) !== undefined) return;
  host.mkdir(kept, { mode: 0o700 });
  host.mkdir(path.slice(0, path.lastIndexOf("/")));
  host.symlink(kept, path);
}

/**
 * The name under which Kubernetes knows this node: its host name at the first boot. Another host name later does not make
 * another node of it (rancher/k3os#159).
 */
export function ensureNodeName(host: Host, hostname: string): void {
  if (host.stat(NODE_NAME) === undefined) host.write(NODE_NAME, `${hostname.toLowerCase()}\n`);
}
