import type { Host } from "../host/host.ts";

/** Whether services run, or are being started: before that, whoever links one in need not start it. */
export function servicesRun(host: Host): boolean {
  return host.stat("/run/openrc/softlevel") !== undefined;
}

/** Whether OpenRC has started the service. */
export function isStarted(host: Host, service: string): boolean {
  return host.stat(`/run/openrc/started/${service}`) !== undefined;
}
