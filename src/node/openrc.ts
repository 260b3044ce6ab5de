import type { Host } from "../host/host.ts";

/** Whether services run, or are being started: before that, whoever links one in need not start it. */
export function servicesRun(host: Host): boolean {
  return host.stat("/run/openrc/softlevel") !== undefined;
}

/** Whether OpenRC has started the service. */
export function isStarted(host: Host, service: string): boolean {
  return host.stat(`/run/openrc/started/${service}`) !== undefined;
}

/** Whether the service is started at boot. */
export function isEnabled(host: Host, service: string): boolean {
  return host.stat(linkOf(service)) !== undefined;
}

/** Has a service started at boot. One that is not in /etc/init.d is taken from `script`. */
export function enableService(host: Host, service: string, script?: string): void {
  if (script !== undefined) host.symlink(script, `/etc/init.d/${service}`);
  host.symlink(`/etc/init.d/${service}`, linkOf(service));
}

/** Has a service not started at boot any more. */
export function disableService(host: Host, service: string): void {
  host.remove(linkOf(service));
}

/** `default` is the only runlevel of a node. */
const linkOf = (service: string): string => `/etc/runlevels/default/${service}`;
