/** What clouds say about the network in words of their own, as network-config version 2. */

interface Address {
  readonly ip_address?: string;
  readonly netmask?: string;
  readonly cidr?: number;
  readonly gateway?: string;
}

interface DropletInterface {
  readonly mac?: string;
  readonly ipv4?: Address;
  readonly ipv6?: Address;
  readonly anchor_ipv4?: Address;
}

interface Ethernet {
  match?: { macaddress: string };
  dhcp4?: boolean;
  dhcp6?: boolean;
  mtu?: number;
  addresses?: string[];
  routes?: { to: string; via: string }[];
  nameservers?: { addresses: readonly string[] };
}

export interface NetworkConfig {
  readonly version: 2;
  readonly ethernets: Readonly<Record<string, Ethernet>>;
}

/** DigitalOcean's metadata: the droplet's addresses are static; where DHCP is on, it says so. */
export function ofDigitalOcean(metadata: {
  readonly interfaces?: Readonly<Record<string, readonly DropletInterface[]>>;
  readonly dns?: { readonly nameservers?: readonly string[] };
  readonly features?: { readonly dhcp_enabled?: boolean };
}): NetworkConfig | undefined {
  if (metadata.features?.dhcp_enabled === true) return undefined;
  const ethernets: Record<string, Ethernet> = {};
  for (const [kind, interfaces] of Object.entries(metadata.interfaces ?? {})) {
    for (const [index, { mac, ipv4, ipv6, anchor_ipv4 }] of interfaces.entries()) {
      if (mac === undefined) continue;
      const gateways = kind === "public" ? [ipv4?.gateway, ipv6?.gateway] : [];
      ethernets[`${kind}${index}`] = {
        match: { macaddress: mac },
        addresses: [ipv4, ipv6, anchor_ipv4].flatMap(withPrefix),
        routes: gateways.flatMap((via) => (via ? [{ to: "default", via }] : [])),
        nameservers: { addresses: metadata.dns?.nameservers ?? [] },
      };
    }
  }
  return Object.keys(ethernets).length === 0 ? undefined : { version: 2, ethernets };
}

function withPrefix(address: Address | undefined): string[] {
  if (address?.ip_address === undefined) return [];
  return [`${address.ip_address}/${address.cidr ?? prefixOf(address.netmask ?? "")}`];
}

interface OpenStackNetworks {
  readonly links?: readonly {
    readonly id?: string;
    readonly ethernet_mac_address?: string;
    readonly mtu?: number | null;
    readonly type?: string;
  }[];
  readonly networks?: readonly {
    readonly link?: string;
    readonly type?: string;
    readonly ip_address?: string;
    readonly netmask?: string;
    readonly routes?: readonly { readonly network: string; readonly netmask: string; readonly gateway: string }[];
    readonly services?: readonly { readonly type?: string; readonly address?: string }[];
  }[];
  readonly services?: readonly { readonly type?: string; readonly address?: string }[];
}

/** OpenStack's network_data.json, for links that are plain network cards. */
export function ofOpenStack({
  links = [],
  networks = [],
  services = [],
}: OpenStackNetworks): NetworkConfig | undefined {
  const ethernets: Record<string, Ethernet> = {};
  for (const { id, ethernet_mac_address: mac, mtu, type = "phy" } of links) {
    if (id === undefined || mac === undefined || /^(bond|vlan)$/.test(type)) continue;
    const ethernet: Ethernet = { match: { macaddress: mac }, ...(typeof mtu === "number" && { mtu }) };
    for (const network of networks.filter(({ link }) => link === id)) {
      if (/dhcp|slaac/.test(network.type ?? "")) ethernet[/6/.test(network.type ?? "") ? "dhcp6" : "dhcp4"] = true;
      else if (network.ip_address !== undefined) {
        const prefix = network.ip_address.includes("/") ? "" : `/${prefixOf(network.netmask ?? "")}`;
        ethernet.addresses = [...(ethernet.addresses ?? []), network.ip_address + prefix];
      }
      for (const { network: to, netmask, gateway: via } of network.routes ?? []) {
        ethernet.routes = [...(ethernet.routes ?? []), { to: `${to}/${prefixOf(netmask)}`, via }];
      }
      const servers = [...services, ...(network.services ?? [])].filter((service) => service.type === "dns");
      const addresses = servers.flatMap(({ address }) => address ?? []);
      if (addresses.length > 0) ethernet.nameservers = { addresses };
    }
    ethernets[id] = ethernet;
  }
  return Object.keys(ethernets).length === 0 ? undefined : { version: 2, ethernets };
}

/** `255.255.255.0` is 24, `ffff:ffff::` is 32, `64` is 64. */
function prefixOf(netmask: string): number {
  if (/^\d+$/.test(netmask)) return Number(netmask);
  const digits = netmask.includes(":")
    ? [...netmask.replaceAll(":", "")].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0"))
    : netmask.split(".").map((part) => Number(part).toString(2));
  return digits.join("").replaceAll("0", "").length;
}
