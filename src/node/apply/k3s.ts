import type { Observed } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";

/** Made by OpenRC once it has started the service. */
const STARTED = "/run/openrc/started/k3s";
/** There from a change that k3s has to be restarted for until it is (os/rootfs/etc/init.d/k3s). */
const OUTDATED = "/run/k3os/k3s-outdated";

export function observeK3s(host: Host): ReturnType<Observed["k3s"]> {
  return { started: host.stat(STARTED) !== undefined, outdated: host.stat(OUTDATED) !== undefined };
}

/** Remembers that k3s has not taken up what it should. */
export function noteOutdated(host: Host): void {
  host.write(OUTDATED, "");
}
