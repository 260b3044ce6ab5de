import { dhcpcdConf, makes, type Network, type Resolved, resolve } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { interfaces } from "./interfaces.ts";

const DHCPCD_CONF = "/etc/dhcpcd.conf";
const SERVICE = "/etc/runlevels/default/dhcpcd";
/** Made by OpenRC as it starts the first services. */
const OPENRC_RUNS = "/run/openrc/softlevel";
/** Interfaces that were made, so that they can be removed when the configuration has them no more, or otherwise. */
const MADE = "/run/k3os/network.json";

/**
 * Makes the network what the configuration says: links, addresses and routes at once with ip(8), the rest by dhcpcd, which does not
 * even start where everything is static. Whatever can be done is done; what could not is thrown afterwards, in one error.
 */
export async function configureNetwork(host: Host, network: Network): Promise<void> {
  const made = makes(network);
  // The last one first: what is made upon another goes with it.
  const before = madeBefore(host).reverse();
  const outdated = before.filter(([name, was]) => made[name] !== was && host.stat(`/sys/class/net/${name}`));
  const gone = new Set(outdated.map(([name]) => name));
  const found = resolve(
    network,
    interfaces(host).filter(({ name }) => !gone.has(name)),
  );
  const complaints = [...found.problems];
  const restart = await handOver(host, found.dhcp);
  // On its own it would make a bond0 that nobody asked for, just under the name that somebody will.
  if (network.bonds !== undefined) await run(host, ["modprobe", "bonding", "max_bonds=0"]);
  ignoreRouters(host, found.deaf);
  const lines = [...[...gone].map((name) => `link delete dev ${name}`), ...found.commands];
  const { status, stderr } = await host.exec(["ip", "-force", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  if (status !== 0) complaints.push(stderr.trim().split("\n").join(" "));
  ignoreRouters(host, found.deaf);
  host.write(MADE, JSON.stringify(made));
  if (restart) await run(host, ["rc-service", "dhcpcd", "restart"]);
  if (complaints.length > 0) throw new K3osError("config", complaints.join("; "));
}

/** Waits for the drivers of all devices if a card that the configuration names has not been found yet. */
export async function awaitCards(host: Host, network: Network, drivers: Promise<unknown>): Promise<void> {
  if (resolve(network, interfaces(host)).problems.length > 0) await drivers;
}

/** Whether dhcpcd has anything to look after. */
export function usesDhcp(host: Host): boolean {
  return host.stat(SERVICE) !== undefined;
}

/** Before the link is up, and again for links that were made just now. */
function ignoreRouters(host: Host, names: readonly string[]): void {
  for (const name of names) {
    const path = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
    if (host.stat(path)) host.poke(path, "0");
  }
}

/** What the last call made: names, and how. */
function madeBefore(host: Host): [name: string, how: string][] {
  return host.stat(MADE) ? Object.entries(JSON.parse(host.readText(MADE)) as Record<string, string>) : [];
}

/** Tells dhcpcd what to look after. On a node that runs, it ends at once where it has nothing to do; else it has to be restarted. */
async function handOver(host: Host, dhcp: Resolved["dhcp"]): Promise<boolean> {
  const runs = host.stat(OPENRC_RUNS) !== undefined;
  const existing = host.readText(DHCPCD_CONF);
  const wanted = dhcpcdConf(existing, dhcp);
  if (wanted !== existing) host.write(DHCPCD_CONF, wanted);
  if (dhcp === undefined || dhcp.length > 0) {
    host.symlink("/etc/init.d/dhcpcd", SERVICE);
    return runs && wanted !== existing;
  }
  host.remove(SERVICE);
  if (runs) await run(host, ["rc-service", "dhcpcd", "stop"]);
  return false;
}
