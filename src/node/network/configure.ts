import { dhcpcdConf, makes, type Network, type Resolved, removals, resolve } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { ExecResult, Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { disableService, enableService, isEnabled, servicesRun } from "../openrc.ts";
import { configuredNetwork, noteConfigured } from "./configured.ts";
import { interfaces } from "./interfaces.ts";

const DHCPCD_CONF = "/etc/dhcpcd.conf";

/**
 * Makes the network what the configuration says: links, addresses and routes at once with ip(8), the rest by dhcpcd, which does not
 * even start where everything is static. Whatever can be done is done; what could not is thrown afterwards, in one error. Of what was
 * configured before, that goes which is not wanted any more; whatever others made, the cluster above all, is left alone.
 */
export async function configureNetwork(host: Host, network: Network): Promise<void> {
  const last = configuredNetwork(host);
  const before = last?.left ?? last?.network ?? {};
  const gone = outdatedLinks(host, before, network);
  const left = interfaces(host).filter(({ name }) => !gone.includes(name));
  const found = resolve(network, left);
  // A machine none of whose cards is meant, as after a typing error, stays where it can be reached.
  const isOff = found.dhcp === undefined && found.problems.length > 0;
  noteConfigured(host, { network, complete: false, ...(isOff && { left: before }) });
  const complaints = [...found.problems];
  const restart = await handOver(host, found.dhcp);
  // On its own it would make a bond0 that nobody asked for, just under the name that somebody will.
  if (network.bonds !== undefined) await run(host, ["modprobe", "bonding", "max_bonds=0"]);
  ignoreRouters(host, found.deaf);
  const removed = isOff ? [] : removals(before, network, left);
  // What is not there any more cannot be removed, which is as well.
  if (removed.length > 0) await ipBatch(host, removed);
  const deleted = isOff ? [] : gone.map((name) => `link delete dev ${name}`);
  const lines = [...deleted, ...found.commands];
  const { status, stderr } = await ipBatch(host, lines);
  if (status !== 0) complaints.push(stderr.trim().split("\n").join(" "));
  ignoreRouters(host, found.deaf);
  if (restart) await run(host, ["rc-service", "dhcpcd", "restart"]);
  if (complaints.length > 0) throw new K3osError("config", complaints.join("; "));
  noteConfigured(host, { network, complete: true });
}

/** Back to what the image does: DHCP on every card. Names, MTU and MAC addresses of cards stay as they are. */
export async function resetNetwork(host: Host): Promise<void> {
  await configureNetwork(host, {});
  noteConfigured(host, undefined);
}

/** Links that an earlier configuration made and this one does not make, or otherwise; what is made upon another comes first. */
function outdatedLinks(host: Host, before: Network, now: Network): string[] {
  const wanted = makes(now);
  return Object.entries(makes(before))
    .filter(([name, how]) => wanted[name] !== how && host.stat(`/sys/class/net/${name}`))
    .map(([name]) => name)
    .reverse();
}

function ipBatch(host: Host, lines: readonly string[]): Promise<ExecResult> {
  return host.exec(["ip", "-force", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Waits for the drivers of all devices if a card that the configuration names has not been found yet. */
export async function awaitCards(host: Host, network: Network, drivers: Promise<unknown>): Promise<void> {
  if (resolve(network, interfaces(host)).problems.length > 0) await drivers;
}

/** Whether dhcpcd has anything to look after. */
export function usesDhcp(host: Host): boolean {
  return isEnabled(host, "dhcpcd");
}

/** Before the link is up, and again for links that were made just now. */
function ignoreRouters(host: Host, names: readonly string[]): void {
  for (const name of names) {
    const path = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
    if (host.stat(path)) host.poke(path, "0");
  }
}

/** Tells dhcpcd what to look after. On a node that runs, it ends at once where it has nothing to do; else it has to be restarted. */
async function handOver(host: Host, dhcp: Resolved["dhcp"]): Promise<boolean> {
  const runs = servicesRun(host);
  const existing = host.readText(DHCPCD_CONF);
  const wanted = dhcpcdConf(existing, dhcp);
  if (wanted !== existing) host.write(DHCPCD_CONF, wanted);
  if (dhcp === undefined || dhcp.length > 0) {
    enableService(host, "dhcpcd");
    return runs && wanted !== existing;
  }
  disableService(host, "dhcpcd");
  if (runs) await run(host, ["rc-service", "dhcpcd", "stop"]);
  return false;
}
