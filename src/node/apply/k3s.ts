import type { Leftovers } from "../../config/steps/kind.ts";
import type { Host } from "../../host/host.ts";
import { isStarted } from "../openrc.ts";

/** Exists from a change that requires a restart of k3s until that restart (os/rootfs/etc/init.d/k3s). */
const OUTDATED = "/run/k3os/k3s-outdated";

export function observeK3s(host: Host): Leftovers["restart-k3s"] {
  return { started: isStarted(host, "k3s"), outdated: host.stat(OUTDATED) !== undefined };
}

/** Notes that k3s must be restarted to notice a change. */
export function noteOutdated(host: Host): void {
  host.write(OUTDATED, "");
}
