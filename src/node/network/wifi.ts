import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { enableRareService, servicesRun } from "../openrc.ts";

const PROGRAM = "/usr/sbin/wpa_supplicant";
const SERVICE = "wpa_supplicant";

/** Whether the image can join Wi-Fi networks. One of the flavour `cloud` has no wpa_supplicant. */
export function canJoinWifi(host: Host): boolean {
  return host.stat(PROGRAM) !== undefined;
}

/**
 * Joins the networks that `write` puts into the configuration. At boot the service does it; on a running node it starts
 * at once.
 */
export async function joinWifi(host: Host, write: () => void): Promise<void> {
  if (!canJoinWifi(host)) {
    throw new K3osError(
      "config",
      "this image has no wpa_supplicant: take one of the flavour `metal` (docs/network.md), or use a cable",
    );
  }
  write();
  enableRareService(host, SERVICE);
  if (servicesRun(host)) await run(host, ["rc-service", SERVICE, "restart"]);
}
