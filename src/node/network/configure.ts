import { dhcpcdConf, makes, type Network, type Resolved, removals, resolve } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { ExecResult, Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { disableService, enableService, isEnabled, servicesRun } from "../openrc.ts";
import { configuredNetwork, noteConfigured } from "./configured.ts";
import { interfaces } from "./interfaces.ts";

const DHCPCD_CONF = "/etc/dhcpcd.conf";

/**
 * Configures the network. Links, addresses and routes are set at once with ip(8). dhcpcd does the rest, and does not
 * even start if everything is static. If a part fails, the others are still done, and all failures are thrown at the
 * end as one error. Removes what an earlier configuration made and this one does not want; leaves alone what others
 * made, above all the cluster.
 */
export async function configureNetwork(host: Host, network: Network): Promise<void> {
  const last = configuredNetwork(host);
  const before = last?.left ?? last?.network ?? {};
  const gone = outdatedLinks(host, before, network);
  const left = interfaces(host).filter(({ name }) => !gone.includes(name));
  const found = resolve(network, left);
  // If no card matches, as after a typing error, all cards keep DHCP so that the machine can be reached.
  const isOff = found.dhcp === undefined && found.problems.length > 0;
  noteConfigured(host, { network, complete: false, ...(isOff && { left: before }) });
  const complaints = [...found.problems];
  const restart = await handOver(host, found.dhcp);
  // By default the module makes a bond0, and that name may be wanted.
  if (network.bonds !== undefined) await run(host, ["modprobe", "bonding", "max_bonds=0"]);
  ignoreRouters(host, found.ignoringRouters);
  const removed = isOff ? [] : removals(before, network, left);
  // Removing something that no longer exists fails, which does no harm.
  if (removed.length > 0) await ipBatch(host, removed);
  const deleted = isOff ? [] : gone.map((name) => `link delete dev ${name}`);
  const lines = [...deleted, ...found.commands];
  const { status, stderr } = await ipBatch(host, lines);
  if (status !== 0) complaints.push(stderr.trim().split("\n").join(" "));
  ignoreRouters(host, found.ignoringRouters);
  if (restart) await run(host, ["rc-service", "dhcpcd", "restart"]);
  if (complaints.length > 0) throw new K3osError("config", complaints.join("; "));
  noteConfigured(host, { network, complete: true });
}

/** Restores the image's default: DHCP on every card. Names, MTU and MAC addresses of cards stay as they are. */
export async function resetNetwork(host: Host): Promise<void> {
  await configureNetwork(host, {});
  noteConfigured(host, undefined);
}

/** Links of an earlier configuration that this one lacks or makes differently; a link comes before those below it. */
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

/** If a named card has not been found yet, waits for the drivers of all devices. */
export async function awaitCards(host: Host, network: Network, drivers: Promise<unknown>): Promise<void> {
  if (resolve(network, interfaces(host)).problems.length > 0) await drivers;
}

/** Whether dhcpcd manages any interface. */
export function usesDhcp(host: Host): boolean {
  return isEnabled(host, "dhcpcd");
}

/** Called before the link is up, and again for links that were just made. */
function ignoreRouters(host: Host, names: readonly string[]): void {
  for (const name of names) {
    const path = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
    if (host.stat(path)) host.poke(path, "0");
  }
}

/**
 * Configures which interfaces dhcpcd manages. On a running node, stops it if there are none. Returns whether it must be
 * restarted.
 */
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
