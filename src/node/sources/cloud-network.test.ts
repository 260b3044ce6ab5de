import { describe, expect, it } from "vitest";
import { loadText, told } from "../../config/testing.ts";
import { ofOpenStack } from "./openstack-network.ts";
import { ofPacket } from "./packet-network.ts";
import { ofScaleway } from "./scaleway-network.ts";

/** Reads a translated document as a node would. Our own schema must never refuse it. */
function understood(network: unknown) {
  const loaded = loadText(JSON.stringify(network), "network-config", { strict: true });
  expect(told(loaded)).toEqual([]);
  return loaded.config.k3os?.network;
}

const uuid = (n: number) => `2562261${n}-b9ee-4a99-9e7b-84a3d14eee67`;

describe("OpenStack's network_data.json", () => {
  it("of a machine of bare metal: a bond with VLANs on it", () => {
    const document = {
      links: [
        { id: uuid(1), type: "phy", ethernet_mac_address: "a0:36:9f:32:47:d8", mtu: 9000, vif_id: "v1" },
        { id: uuid(2), type: "phy", ethernet_mac_address: "a0:36:9f:32:47:d9", mtu: 9000, vif_id: "v2" },
        {
          ...{ id: "tape2406356-65", type: "bond", bond_links: [uuid(1), uuid(2)], bond_mode: "802.3ad" },
          ...{
            bond_miimon: 100,
            bond_xmit_hash_policy: "layer3+4",
            ethernet_mac_address: "a0:36:9f:32:47:d8",
            mtu: null,
          },
        },
        { id: "vlan0", type: "vlan", vlan_id: 101, vlan_link: "tape2406356-65", vlan_mac_address: "a0:36:9f:32:47:da" },
        { id: "vlan1", type: "vlan", vlan_id: 401, vlan_link: "tape2406356-65", vlan_mac_address: "a0:36:9f:32:47:db" },
      ],
      networks: [
        {
          ...{ id: "network0", link: "vlan0", type: "ipv4", ip_address: "203.0.113.113", netmask: "255.255.255.0" },
          ...{ network_id: uuid(0), routes: [{ network: "0.0.0.0", netmask: "0.0.0.0", gateway: "203.0.113.1" }] },
          services: [{ type: "dns", address: "203.0.113.3" }],
        },
        { id: "network1", link: "vlan0", type: "ipv6", ip_address: "2001:db8::113/64", gateway: "2001:db8::1" },
        { id: "network2", link: "vlan1", type: "ipv4_dhcp" },
      ],
      services: [{ type: "dns", address: "9.9.9.9" }],
    };
    const dns = { addresses: ["9.9.9.9"] };
    expect(ofOpenStack(document)).toEqual({
      version: 2,
      ethernets: {
        [uuid(1)]: { match: { macaddress: "a0:36:9f:32:47:d8" }, mtu: 9000 },
        [uuid(2)]: { match: { macaddress: "a0:36:9f:32:47:d9" }, mtu: 9000 },
      },
      bonds: {
        bond0: {
          macaddress: "a0:36:9f:32:47:d8",
          interfaces: [uuid(1), uuid(2)],
          parameters: { mode: "802.3ad", mii_monitor_interval: "100", transmit_hash_policy: "layer3+4" },
        },
      },
      vlans: {
        vlan101: {
          ...{ macaddress: "a0:36:9f:32:47:da", id: 101, link: "bond0" },
          addresses: ["203.0.113.113/24", "2001:db8::113/64"],
          routes: [
            { to: "0.0.0.0/0", via: "203.0.113.1" },
            { to: "default", via: "2001:db8::1" },
          ],
          nameservers: { addresses: ["9.9.9.9", "203.0.113.3"] },
        },
        vlan401: { macaddress: "a0:36:9f:32:47:db", id: 401, link: "bond0", dhcp4: true, nameservers: dns },
      },
    });
    expect(understood(ofOpenStack(document))).toMatchObject({ vlans: { vlan101: { link: "bond0" } } });
  });

  it("of modes by number, of two bonds, of one VLAN twice, and over a card", () => {
    const card = (n: number) => ({ id: `tap${n}`, type: "phy", ethernet_mac_address: `52:54:00:00:00:0${n}` });
    const vlan = (id: string, link: string) => ({
      ...{ id, type: "vlan", vlan_id: "7", vlan_link: link, vlan_mac_address: "52:54:00:00:00:aa" },
    });
    const links = [
      ...[1, 2, 3].map(card),
      { id: "b1", type: "bond", bond_links: ["tap1"], bond_mode: 1 },
      { id: "b2", type: "bond", bond_links: ["tap2"], bond_mode: "4" },
      vlan("v1", "b2"),
      vlan("v2", "tap3"),
    ];
    const found = ofOpenStack({ links });
    expect(found).toMatchObject({
      bonds: { bond0: { parameters: { mode: "active-backup" } }, bond1: { parameters: { mode: "802.3ad" } } },
      vlans: { vlan7: { link: "bond1" }, "vlan7.1": { link: "tap3" } },
    });
    understood(found);
  });

  it("of nothing", () => {
    expect(ofOpenStack({ links: [], networks: [], services: [] })).toBeUndefined();
  });
});

describe("Equinix Metal's metadata", () => {
  const interfaces = [
    { name: "eth0", mac: "50:6b:4b:b4:a9:3a", bond: "bond0" },
    { name: "eth1", mac: "50:6b:4b:b4:a9:3b", bond: "bond0" },
  ];
  const common = { management: true, enabled: true, created_at: "2026-01-01T00:00:00Z" };
  const addresses = [
    {
      ...{ ...common, id: "1", address_family: 4, public: true, cidr: 30, netmask: "255.255.255.252" },
      ...{ network: "203.0.113.128", address: "203.0.113.130", gateway: "203.0.113.129" },
    },
    {
      ...{ ...common, id: "2", address_family: 6, public: true, cidr: 127 },
      ...{ network: "2001:db8::4", address: "2001:db8::5", gateway: "2001:db8::4" },
    },
    {
      ...{ ...common, id: "3", address_family: 4, public: false, cidr: 31, netmask: "255.255.255.254" },
      ...{ network: "10.99.0.2", address: "10.99.0.3", gateway: "10.99.0.2" },
    },
  ];
  const document = { network: { bonding: { mode: 4, link_aggregation: "bonded" }, interfaces, addresses } };

  it("has a bond with all addresses", () => {
    const found = ofPacket(document);
    expect(found).toEqual({
      version: 2,
      ethernets: {
        eth0: { match: { macaddress: "50:6b:4b:b4:a9:3a" } },
        eth1: { match: { macaddress: "50:6b:4b:b4:a9:3b" } },
      },
      bonds: {
        bond0: {
          interfaces: ["eth0", "eth1"],
          parameters: { mode: "802.3ad", transmit_hash_policy: "layer3+4", lacp_rate: "fast" },
          addresses: ["203.0.113.130/30", "2001:db8::5/127", "10.99.0.3/31"],
          routes: [
            { to: "default", via: "203.0.113.129" },
            { to: "default", via: "2001:db8::4" },
            { to: "10.0.0.0/8", via: "10.99.0.2" },
          ],
          nameservers: { addresses: ["147.75.207.207", "147.75.207.208"] },
        },
      },
    });
    understood(found);
  });

  it("has them on the first card where cards are not bonded, by the private gateway if there is no other", () => {
    const found = ofPacket({
      network: { ...document.network, bonding: { link_aggregation: "individual" }, addresses: addresses.slice(2) },
      private_subnets: ["10.99.0.0/16"],
    });
    expect(found?.bonds).toBeUndefined();
    expect(found?.ethernets.eth0).toMatchObject({
      addresses: ["10.99.0.3/31"],
      routes: [{ to: "default", via: "10.99.0.2" }],
    });
    understood(found);
  });

  it("may have more bonds, and addresses that are not in use", () => {
    const found = ofPacket({
      network: {
        bonding: { mode: 5 },
        interfaces: [...interfaces, { name: "eth2", mac: "50:6b:4b:b4:a9:3c", bond: "bond1" }],
        addresses: [...addresses, { ...addresses[0], address: "203.0.113.200", enabled: false }],
      },
    });
    expect(found?.bonds).toMatchObject({
      bond0: { parameters: { mode: "balance-tlb" } },
      bond1: { interfaces: ["eth2"], parameters: { mode: "balance-tlb" } },
    });
    expect(found?.bonds?.bond0?.addresses).toHaveLength(3);
    expect(found?.bonds?.bond1?.addresses).toBeUndefined();
    understood(found);
  });

  it("may have nothing of it", () => {
    expect(ofPacket({})).toBeUndefined();
    expect(ofPacket({ network: { interfaces, addresses: [] } })).toBeUndefined();
  });
});

describe("Scaleway's metadata", () => {
  const v4 = {
    ...{ id: "1", address: "51.15.0.10", dynamic: false, gateway: "62.210.0.1", netmask: "32" },
    ...{ family: "inet", provisioning_mode: "dhcp" },
  };
  const v6 = {
    ...{ id: "2", address: "2001:db8:710::1", dynamic: false, gateway: "fe80::dc00:ff:fe20:186", netmask: "64" },
    ...{ family: "inet6", provisioning_mode: "slaac" },
  };

  it("has nothing to add where DHCP and router advertisements tell all", () => {
    expect(ofScaleway({ private_ip: null, ipv6: null, public_ips: [v4, v6] })).toBeUndefined();
    expect(ofScaleway({ private_ip: "10.64.0.5", ipv6: null })).toBeUndefined();
    expect(ofScaleway({})).toBeUndefined();
  });

  it("has further addresses of an instance, whose private networks still ask DHCP", () => {
    const found = ofScaleway({
      private_ip: null,
      public_ips: [
        v4,
        { ...v4, address: "51.15.0.11", provisioning_mode: "manual" },
        { ...v6, provisioning_mode: "manual" },
      ],
      private_nics: [{ mac_address: "02:00:00:00:00:01" }],
    });
    expect(found).toEqual({
      version: 2,
      ethernets: {
        eth0: {
          dhcp4: true,
          addresses: ["51.15.0.11/32", "2001:db8:710::1/64"],
          routes: [{ to: "::/0", via: "fe80::dc00:ff:fe20:186" }],
        },
        private0: { match: { macaddress: "02:00:00:00:00:01" }, dhcp4: true },
      },
    });
    understood(found);
  });

  it("asks DHCP for the first address where it is not said how they come", () => {
    const { provisioning_mode: _, ...plain } = v4;
    expect(ofScaleway({ private_ip: null, public_ips: [plain, { ...plain, address: "51.15.0.11" }] })).toMatchObject({
      ethernets: { eth0: { dhcp4: true, addresses: ["51.15.0.11/32"] } },
    });
  });

  it("has the IPv6 address of an older instance", () => {
    const { provisioning_mode: _, family: __, ...ipv6 } = v6;
    const found = ofScaleway({ private_ip: "10.64.0.5", ipv6 });
    expect(found).toMatchObject({ ethernets: { eth0: { dhcp4: true, addresses: ["2001:db8:710::1/64"] } } });
    understood(found);
  });
});
