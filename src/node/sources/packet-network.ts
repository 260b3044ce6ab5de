import { type Bond, bondMode, type Device, type Ethernet, type NetworkConfig } from "./cloud-network.ts";

interface Address {
  readonly address?: string;
  readonly address_family?: number;
  readonly cidr?: number;
  readonly gateway?: string;
  readonly public?: boolean;
  readonly enabled?: boolean;
}

export interface PacketMetadata {
  readonly network?: {
    readonly bonding?: { readonly mode?: number; readonly link_aggregation?: string };
    readonly interfaces?: readonly { readonly name?: string; readonly mac?: string; readonly bond?: string | null }[];
    readonly addresses?: readonly Address[];
  };
  readonly private_subnets?: readonly string[];
}

/** The name servers of Equinix Metal. Its metadata does not contain them. */
const NAMESERVERS = { addresses: ["147.75.207.207", "147.75.207.208"] };
const PRIVATE = ["10.0.0.0/8"];
const LACP = "802.3ad";

/**
 * Translates the network of Equinix Metal's (formerly Packet's) metadata. All addresses are static. They belong to the
 * first bond if the cards are bonded, otherwise to the first card.
 */
export function ofPacket({ network, private_subnets = PRIVATE }: PacketMetadata): NetworkConfig | undefined {
  const { bonding = {}, interfaces = [], addresses = [] } = network ?? {};
  const cards = interfaces.flatMap(({ name, mac, bond }) =>
    name === undefined || mac === undefined ? [] : [{ name, mac, bond: bond || undefined }],
  );
  const device = deviceOf(addresses, private_subnets);
  const [first] = cards;
  if (first === undefined || device.addresses === undefined) return undefined;
  const bonds: Record<string, Bond> = {};
  const mode = bondMode(bonding.mode ?? LACP);
  if (bonding.link_aggregation !== "individual") {
    for (const { bond } of cards) {
      if (bond === undefined || bonds[bond] !== undefined) continue;
      const members = cards.filter((card) => card.bond === bond).map(({ name }) => name);
      const parameters = { mode, ...(mode === LACP && { transmit_hash_policy: "layer3+4", lacp_rate: "fast" }) };
      bonds[bond] = { interfaces: members, parameters };
    }
  }
  const ethernets: Record<string, Ethernet> = {};
  for (const { name, mac } of cards) ethernets[name] = { match: { macaddress: mac } };
  const [bonded] = Object.values(bonds);
  Object.assign(bonded ?? ethernets[first.name] ?? {}, device);
  return { version: 2, ethernets, ...(bonded !== undefined && { bonds }) };
}

function deviceOf(all: readonly Address[], privateSubnets: readonly string[]): Device {
  const usable = all.filter(({ address, enabled }) => address !== undefined && enabled !== false);
  if (usable.length === 0) return {};
  const routes = usable.flatMap(({ address_family, gateway, public: isPublic }) => {
    if (gateway === undefined) return [];
    const isOnly = !usable.some((one) => one.address_family === address_family && one.public);
    if (isPublic || isOnly) return [{ to: "default", via: gateway }];
    return address_family === 4 ? privateSubnets.map((to) => ({ to, via: gateway })) : [];
  });
  return {
    addresses: usable.map(
      ({ address, address_family, cidr }) => `${address}/${cidr ?? (address_family === 6 ? 128 : 32)}`,
    ),
    routes: routes.filter(({ to, via }, index) => index === routes.findIndex((one) => sameRoute(one, to, via))),
    nameservers: NAMESERVERS,
  };
}

/** Of several default routes of a family, the first one counts. */
function sameRoute(one: { to: string; via: string }, to: string, via: string): boolean {
  return one.to === to && one.via.includes(":") === via.includes(":");
}
