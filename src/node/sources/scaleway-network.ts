import type { Ethernet, NetworkConfig } from "./cloud-network.ts";

interface Address {
  readonly address?: string;
  readonly netmask?: string | number;
  readonly gateway?: string;
  readonly family?: string;
  readonly provisioning_mode?: string;
}

export interface ScalewayMetadata {
  /** For instances without routed addresses. The others have `public_ips` instead. */
  readonly private_ip?: string | null;
  readonly ipv6?: Address | null;
  readonly public_ips?: readonly Address[] | null;
  readonly private_nics?: readonly { readonly mac_address?: string }[] | null;
}

/** The card with the public addresses. Scaleway's metadata does not name it. */
const PUBLIC = "eth0";

/**
 * Translates what Scaleway's metadata adds to DHCP: IPv6 addresses, and additional addresses. `undefined` if the
 * default, DHCP on every card, is enough.
 */
export function ofScaleway({
  private_ip,
  ipv6,
  public_ips,
  private_nics,
}: ScalewayMetadata): NetworkConfig | undefined {
  const all = private_ip ? (ipv6 ? [{ family: "inet6", ...ipv6 }] : []) : (public_ips ?? []);
  const byDhcp = all.find(isByDhcp) ?? all.find(({ family }) => family === "inet");
  const fixed = all.filter((one) => one !== byDhcp && !isByDhcp(one) && one.address !== undefined);
  if (fixed.length === 0) return undefined;
  const gateway = fixed.find((one) => one.family === "inet6" && one.gateway)?.gateway;
  const needsDhcp = byDhcp !== undefined || Boolean(private_ip);
  const ethernets: Record<string, Ethernet> = {
    [PUBLIC]: {
      ...(needsDhcp && { dhcp4: true }),
      addresses: fixed.map(
        ({ address, netmask, family }) => `${address}/${netmask ?? (family === "inet6" ? 128 : 32)}`,
      ),
      ...(gateway !== undefined && { routes: [{ to: "::/0", via: gateway }] }),
    },
  };
  for (const [index, { mac_address: mac }] of (private_nics ?? []).entries()) {
    if (mac !== undefined) ethernets[`private${index}`] = { match: { macaddress: mac }, dhcp4: true };
  }
  return { version: 2, ethernets };
}

/** Addresses from router advertisements need no configuration, like those from DHCP. */
function isByDhcp({ provisioning_mode }: Address): boolean {
  return provisioning_mode === "dhcp" || provisioning_mode === "slaac";
}
