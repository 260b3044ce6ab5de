import type { Leftovers } from "../../config/steps/kind.ts";
import type { Host } from "../../host/host.ts";
import { isStarted } from "../openrc.ts";

/** There from a change that k3s has to be restarted for until it is (os/rootfs/etc/init.d/k3s). */
const OUTDATED = "/run/k3os/k3s-outdated";

export function observeK3s(host: Host): Leftovers["restart-k3s"] {
  return { started: isStarted(host, "k3s"), outdated: host.stat(OUTDATED) !== undefined };
}

/** Remembers that k3s has not taken up what it should. */
export function noteOutdated(host: Host): void {
  host.write(OUTDATED, "");
}
