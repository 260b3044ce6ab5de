import type { Config } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { disableService, enableRareService, isStarted } from "../openrc.ts";

const SERVICE = "k3os-auto";

/** Whether a node upgrades itself. One that runs in memory has nothing to upgrade. */
export function isAuto({ k3os }: Config, mode: string): boolean {
  return k3os?.upgrade?.auto === true && mode === "local";
}

/** Makes OpenRC start the service at boot. */
export function enableAuto(host: Host): void {
  enableRareService(host, SERVICE);
}

/** Starts or stops the service, if the config says something else than when it was last looked at. */
export async function followAuto(host: Host, config: Config, mode: string): Promise<void> {
  const wanted = isAuto(config, mode);
  if (wanted === isStarted(host, SERVICE)) return;
  if (wanted) enableAuto(host);
  else disableService(host, SERVICE);
  await host.exec(["rc-service", SERVICE, wanted ? "start" : "stop"], { inherit: true });
}
