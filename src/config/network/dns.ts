import type { Common, Network } from "./schema.ts";

/** All name servers and domains of a network. Those without an interface come first. */
export function nameserversOf(network: Network | undefined): {
  addresses: readonly string[];
  search: readonly string[];
} {
  const all = [network?.nameservers, ...devicesOf(network).map(({ nameservers }) => nameservers)];
  return {
    addresses: [...new Set(all.flatMap((one) => one?.addresses ?? []))],
    search: [...new Set(all.flatMap((one) => one?.search ?? []))],
  };
}

/** Whether only the config determines the addresses of this node. */
export function isStaticOnly(network: Network | undefined): boolean {
  const devices = devicesOf(network);
  return devices.length > 0 && !devices.some(({ dhcp4, dhcp6, accept_ra }) => dhcp4 || dhcp6 || accept_ra);
}

function devicesOf({ ethernets, bonds, bridges, vlans }: Network = {}): Common[] {
  return Object.values({ ...ethernets, ...bonds, ...bridges, ...vlans });
}

/** The interfaces that a network describes, by key. */
export function namesOf({ ethernets, bonds, bridges, vlans }: Network): string[] {
  return Object.keys({ ...ethernets, ...bonds, ...bridges, ...vlans });
}
