import type { Common, Network } from "./schema.ts";

/** All name servers and domains of a network, those for no interface in particular first. */
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

/** Whether nothing but the config says what the addresses of this node are. */
export function isStaticOnly(network: Network | undefined): boolean {
  const devices = devicesOf(network);
  return devices.length > 0 && !devices.some(({ dhcp4, dhcp6, accept_ra }) => dhcp4 || dhcp6 || accept_ra);
}

function devicesOf({ ethernets, bonds, bridges, vlans }: Network = {}): Common[] {
  return Object.values({ ...ethernets, ...bonds, ...bridges, ...vlans });
}

/** The interfaces that a network is about, by their keys. */
export function namesOf({ ethernets, bonds, bridges, vlans }: Network): string[] {
  return Object.keys({ ...ethernets, ...bonds, ...bridges, ...vlans });
}
