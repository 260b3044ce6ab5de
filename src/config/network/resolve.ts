/** Compares `k3os.network` with the interfaces of the machine and returns what has to be done. */

import { type Card, type Device, findCards, type Interface } from "./cards.ts";
import {
  addressCommands,
  makeCommands,
  removalCommands,
  renameCommands,
  routeCommands,
  upCommands,
} from "./commands.ts";
import { isOfCluster } from "./names.ts";
import type { Network } from "./schema.ts";

export interface Resolved {
  /** Commands for `ip -batch`, in order. */
  readonly commands: readonly string[];
  /** Interfaces that must ignore router advertisements: they have static addresses, or none. */
  readonly ignoringRouters: readonly string[];
  /** The interfaces that dhcpcd manages; `undefined`: every interface that is not the cluster's. */
  readonly dhcp: readonly Dhcp[] | undefined;
  /** What could not be done, as sentences. */
  readonly problems: readonly string[];
}

export interface Dhcp {
  readonly name: string;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly gateway: boolean;
  readonly dns: boolean;
  readonly metric?: string | undefined;
}

/**
 * Cards that match nothing are reported and left out. If none of the named cards is there, every card stays with DHCP,
 * so that the node can be reached.
 */
export function resolve(network: Network, interfaces: readonly Interface[]): Resolved {
  const own = interfaces.filter(({ name }) => !isOfCluster(name));
  const problems: string[] = [];
  const cards = findCards(network, own, problems);
  const { bonds = {}, bridges = {}, vlans = {} } = network;
  const names = (key: string) => cards.filter((card) => card.key === key).map(({ name }) => name);
  const made = [...Object.keys(bonds), ...Object.keys(bridges), ...Object.keys(vlans)];
  const known = new Set([...own.map(({ name }) => name), ...cards.map(({ name }) => name), ...made]);
  const references = (owner: string, wanted: readonly string[]) =>
    wanted.flatMap((key) => {
      const found = names(key).length > 0 ? names(key) : known.has(key) ? [key] : [];
      if (found.length === 0 && !(key in (network.ethernets ?? {})))
        problems.push(`${owner}: there is no interface ${key}`);
      return found;
    });

  const there = new Set(own.map(({ name }) => name));
  const devices = devicesOf(network, cards);
  const dhcp = devices.flatMap(dhcpOf);
  const heard = new Set(dhcp.map(({ name }) => name));
  const parents = Object.values(vlans).flatMap(({ link }) => (known.has(link) ? [link] : []));
  const wanted = Object.keys(network.ethernets ?? {}).length + made.length;
  const usable = wanted > 0 && (cards.length > 0 || Object.keys(network.ethernets ?? {}).length === 0);
  return {
    commands: [
      ...renameCommands(cards, there),
      ...makeCommands(network, there, references),
      ...devices.flatMap(upCommands),
      ...devices.flatMap(addressCommands),
      ...routeCommands(network, devices),
    ],
    ignoringRouters: [...new Set([...devices.map(({ name }) => name), ...parents])].filter((name) => !heard.has(name)),
    dhcp: usable ? dhcp : undefined,
    problems,
  };
}

function devicesOf({ bonds, bridges, vlans }: Network, cards: readonly Device[]): Device[] {
  const made = Object.entries({ ...bonds, ...bridges, ...vlans });
  return [...cards, ...made.map(([name, config]) => ({ name, config }))];
}

/**
 * Commands that remove the addresses and routes of an earlier network that are not in this one, on a running machine.
 */
export function removals(before: Network, now: Network, interfaces: readonly Interface[]): readonly string[] {
  const own = interfaces.filter(({ name }) => !isOfCluster(name));
  // With the current names of the cards.
  const cards = (network: Network) => findCards(network, own, []).map((card: Card) => ({ ...card, name: card.was }));
  const wanted = (network: Network) => ({ network, devices: devicesOf(network, cards(network)) });
  return removalCommands(wanted(before), wanted(now));
}

/** The interfaces that a network makes. The text of an interface changes when it has to be made anew. */
export function makes({ bonds = {}, bridges = {}, vlans = {} }: Network): Readonly<Record<string, string>> {
  const all = [
    ...Object.entries(bonds).map(([name, { parameters }]) => [name, { bond: parameters ?? {} }] as const),
    ...Object.entries(bridges).map(([name, { parameters }]) => [name, { bridge: parameters ?? {} }] as const),
    ...Object.entries(vlans).map(([name, { id, link }]) => [name, { id, link }] as const),
  ];
  return Object.fromEntries(all.map(([name, how]) => [name, JSON.stringify(how)]));
}

function dhcpOf({ name, config }: Device): Dhcp[] {
  const { dhcp4 = false, dhcp6 = false, accept_ra = dhcp4 || dhcp6 } = config;
  if (!dhcp4 && !dhcp6 && !accept_ra) return [];
  const {
    use_dns = true,
    use_routes = true,
    route_metric,
  } = config[dhcp4 ? "dhcp4_overrides" : "dhcp6_overrides"] ?? {};
  const metric = route_metric === undefined ? {} : { metric: route_metric };
  return [{ name, ipv4: dhcp4, ipv6: dhcp6 || accept_ra, gateway: use_routes, dns: use_dns, ...metric }];
}
