import { readTextIf } from "../host/files.ts";
import type { Host } from "../host/host.ts";

/** Whether services run or are being started. Before that, an enabled service need not be started explicitly. */
export function servicesRun(host: Host): boolean {
  return host.stat("/run/openrc/softlevel") !== undefined;
}

/** Whether OpenRC has started the service. */
export function isStarted(host: Host, service: string): boolean {
  return host.stat(`/run/openrc/started/${service}`) !== undefined;
}

/** How often supervise-daemon(8) has started the service again since it was started. */
export function restartsOf(host: Host, service: string): number {
  return Number(readTextIf(host, `/run/openrc/options/${service}/start_count`) ?? 0);
}

/** Whether the service is started at boot. */
export function isEnabled(host: Host, service: string): boolean {
  return host.stat(linkOf(service)) !== undefined;
}

/** Makes OpenRC start a service at boot. A service that is not in /etc/init.d is taken from `script`. */
export function enableService(host: Host, service: string, script?: string): void {
  if (script !== undefined) host.symlink(script, `/etc/init.d/${service}`);
  host.symlink(`/etc/init.d/${service}`, linkOf(service));
}

/**
 * Makes OpenRC start a service that few nodes need. Its script is not in /etc/init.d from the start, because OpenRC
 * reads every script there at every boot.
 */
export function enableRareService(host: Host, service: string): void {
  enableService(host, service, `/usr/lib/k3os/services/${service}`);
}

/** Stops OpenRC from starting a service at boot. */
export function disableService(host: Host, service: string): void {
  host.remove(linkOf(service));
}

/** `default` is the only runlevel of a node. */
const linkOf = (service: string): string => `/etc/runlevels/default/${service}`;
