import {
  type Bond,
  bondMode,
  type Device,
  type Ethernet,
  type NetworkConfig,
  prefixOf,
  type Vlan,
} from "./cloud-network.ts";

interface Service {
  readonly type?: string;
  readonly address?: string;
}

interface Link {
  readonly id?: string;
  readonly type?: string;
  readonly ethernet_mac_address?: string;
  readonly mtu?: number | null;
  readonly bond_links?: readonly string[];
  readonly bond_mode?: string | number;
  readonly bond_miimon?: string | number;
  readonly bond_xmit_hash_policy?: string;
  readonly bond_lacp_rate?: string;
  readonly vlan_id?: number | string;
  readonly vlan_link?: string;
  readonly vlan_mac_address?: string;
}

interface Network {
  readonly link?: string;
  readonly type?: string;
  readonly ip_address?: string;
  readonly netmask?: string;
  readonly gateway?: string;
  readonly routes?: readonly { readonly network: string; readonly netmask: string; readonly gateway: string }[];
  readonly services?: readonly Service[];
}

export interface OpenStackNetworks {
  readonly links?: readonly Link[];
  readonly networks?: readonly Network[];
  readonly services?: readonly Service[];
}

/**
 * Translates OpenStack's network_data.json (Nova's schema of that name). Its ids are not names of interfaces: bonds
 * become `bond0` …, VLANs become `vlan101` …. Cards are matched by MAC address and keep their names.
 */
export function ofOpenStack({
  links = [],
  networks = [],
  services = [],
}: OpenStackNetworks): NetworkConfig | undefined {
  const names = namesOf(links);
  const ethernets: Record<string, Ethernet> = {};
  const bonds: Record<string, Bond> = {};
  const vlans: Record<string, Vlan> = {};
  const nameOf = (id: string) => names.get(id) ?? id;
  for (const link of links) {
    const { id, type = "phy", ethernet_mac_address: mac, vlan_mac_address } = link;
    if (id === undefined) continue;
    const name = nameOf(id);
    const device = deviceOf(link, networks, services);
    if (type === "bond" && link.bond_links !== undefined) {
      bonds[name] = { ...withMac(mac), interfaces: link.bond_links.map(nameOf), parameters: bondOf(link), ...device };
    } else if (type === "vlan" && link.vlan_id !== undefined && link.vlan_link !== undefined) {
      vlans[name] = { ...withMac(vlan_mac_address), id: Number(link.vlan_id), link: nameOf(link.vlan_link), ...device };
    } else if (mac !== undefined) ethernets[name] = { match: { macaddress: mac }, ...device };
  }
  if (Object.keys({ ...ethernets, ...bonds, ...vlans }).length === 0) return undefined;
  return {
    version: 2,
    ethernets,
    ...(Object.keys(bonds).length > 0 && { bonds }),
    ...(Object.keys(vlans).length > 0 && { vlans }),
  };
}

function namesOf(links: readonly Link[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { id, type, vlan_id } of links) {
    if (id === undefined) continue;
    const taken = [...names.values()];
    if (type === "bond") names.set(id, `bond${taken.filter((name) => /^bond\d+$/.test(name)).length}`);
    if (type === "vlan") {
      const again = taken.filter((name) => name.split(".")[0] === `vlan${vlan_id}`).length;
      names.set(id, `vlan${vlan_id}${again === 0 ? "" : `.${again}`}`);
    }
  }
  return names;
}

function deviceOf({ id, mtu }: Link, networks: readonly Network[], services: readonly Service[]): Device {
  const device: Device = typeof mtu === "number" ? { mtu } : {};
  for (const network of networks.filter(({ link }) => link === id)) {
    const { type = "", ip_address: address, netmask = "", gateway } = network;
    if (/dhcp|slaac/.test(type)) device[/6/.test(type) ? "dhcp6" : "dhcp4"] = true;
    else if (address !== undefined) {
      device.addresses = [
        ...(device.addresses ?? []),
        address.includes("/") ? address : `${address}/${prefixOf(netmask)}`,
      ];
    }
    const routes = (network.routes ?? []).map((one) => ({
      to: `${one.network}/${prefixOf(one.netmask)}`,
      via: one.gateway,
    }));
    const gateways = gateway === undefined ? [] : [{ to: "default", via: gateway }];
    if (routes.length + gateways.length > 0) device.routes = [...(device.routes ?? []), ...gateways, ...routes];
    const servers = [...services, ...(network.services ?? [])].filter((service) => service.type === "dns");
    const addresses = servers.flatMap((server) => server.address ?? []);
    if (addresses.length > 0) {
      device.nameservers = { addresses: [...new Set([...(device.nameservers?.addresses ?? []), ...addresses])] };
    }
  }
  return device;
}

function bondOf({ bond_mode, bond_miimon, bond_xmit_hash_policy, bond_lacp_rate }: Link): Bond["parameters"] {
  return {
    ...(bond_mode !== undefined && { mode: bondMode(bond_mode) }),
    ...(bond_miimon !== undefined && { mii_monitor_interval: String(bond_miimon) }),
    ...(bond_xmit_hash_policy !== undefined && { transmit_hash_policy: bond_xmit_hash_policy }),
    ...(bond_lacp_rate !== undefined && { lacp_rate: bond_lacp_rate }),
  };
}

function withMac(macaddress: string | undefined): Device {
  return macaddress === undefined ? {} : { macaddress };
}
