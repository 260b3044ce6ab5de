/** Translates the network descriptions of clouds into network-config version 2. */

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

/** What all kinds of interfaces have in common. */
export interface Device {
  dhcp4?: boolean;
  dhcp6?: boolean;
  mtu?: number;
  macaddress?: string;
  addresses?: string[];
  routes?: { to: string; via: string }[];
  nameservers?: { addresses: readonly string[] };
}

export interface Ethernet extends Device {
  match?: { macaddress: string };
}

export interface Bond extends Device {
  interfaces: readonly string[];
  parameters: Readonly<Record<string, string>>;
}

export interface Vlan extends Device {
  id: number;
  link: string;
}

export interface NetworkConfig {
  readonly version: 2;
  readonly ethernets: Readonly<Record<string, Ethernet>>;
  readonly bonds?: Readonly<Record<string, Bond>>;
  readonly vlans?: Readonly<Record<string, Vlan>>;
}

/** Names of the bonding modes, by the kernel's numbers. Some documents use the numbers. */
const MODES = ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];

export function bondMode(mode: string | number): string {
  return MODES[Number(mode)] ?? String(mode);
}

/** Translates DigitalOcean's metadata. The droplet's addresses are static unless it says that DHCP is on. */
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

/** The prefix length: `255.255.255.0` is 24, `ffff:ffff::` is 32, `64` is 64. */
export function prefixOf(netmask: string): number {
  if (/^\d+$/.test(netmask)) return Number(netmask);
  const digits = netmask.includes(":")
    ? [...netmask.replaceAll(":", "")].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0"))
    : netmask.split(".").map((part) => Number(part).toString(2));
  return digits.join("").replaceAll("0", "").length;
}
