/** `k3os.network`: the part of netplan's version 2 that a node needs. */
import { flag, type Infer, list, map, struct, text } from "../kinds.ts";
import { ipAddress, like, notEmpty } from "../values.ts";
import {
  address,
  checkReferences,
  destination,
  devicePath,
  domain,
  ethernetKey,
  linkName,
  macAddress,
  number,
  ofFamily,
  sameFamily,
} from "./checks.ts";

const route = struct(
  {
    to: text({ about: "`default`, or a network.", check: destination, example: "10.0.0.0/8" }),
    via: text({ about: "The gateway.", check: ipAddress, example: "192.168.1.254" }),
    metric: text({ about: "The route with the lowest one is taken.", check: number(0, 4294967295), example: "100" }),
    on_link: flag({ about: "The gateway is on this link, though no address here says so.", example: "true" }),
  },
  { needed: ["to", "via"], check: sameFamily },
);

const nameservers = struct(
  {
    addresses: list(text({ check: ipAddress }), {
      about: "Name servers.",
      example: "[192.168.1.1]",
    }),
    search: list(text({ check: domain }), {
      about: "Domains that short names are looked for in.",
      example: "[example.com]",
    }),
  },
  { about: "Name servers." },
);

const overrides = (version: 4 | 6) =>
  struct(
    {
      use_dns: flag({ about: "Take its name servers: true if not given.", example: "false" }),
      use_routes: flag({ about: "Take its gateway: true if not given.", example: "false" }),
      route_metric: text({ about: "Metric of its routes.", check: number(0, 4294967295), example: "200" }),
    },
    { about: `What is taken of what DHCP${version === 6 ? "v6" : ""} says.` },
  );

/** What every kind of interface has in common. */
const common = {
  dhcp4: flag({ about: "An IPv4 address by DHCP.", example: "true" }),
  dhcp6: flag({ about: "An IPv6 address by router advertisement or DHCPv6.", example: "true" }),
  accept_ra: flag({
    about: "Heed router advertisements: true if not given where there is DHCP, otherwise false.",
    example: "true",
  }),
  dhcp4_overrides: overrides(4),
  dhcp6_overrides: overrides(6),
  addresses: list(text({ check: address }), {
    about: "Static addresses, IPv4 and IPv6.",
    example: "[192.168.1.5/24, '2001:db8::5/64']",
  }),
  gateway4: text({ about: "The IPv4 gateway.", check: ofFamily(false), example: "192.168.1.1" }),
  gateway6: text({ about: "The IPv6 gateway.", check: ofFamily(true), example: "'2001:db8::1'" }),
  routes: list(route, { about: "More routes.", example: "[{ to: 10.0.0.0/8, via: 192.168.1.254 }]" }),
  nameservers,
  mtu: text({ about: "Bytes of the largest packet.", check: number(68, 65535), example: "9000" }),
  macaddress: text({ about: "The MAC address that it shall have.", check: macAddress, example: "'52:54:00:12:34:56'" }),
  optional: flag({ about: "Of netplan; here no boot waits for a single interface anyway.", example: "true" }),
} as const;

const anyInterface = struct(common, { about: "Any interface." });

const match = struct(
  {
    name: text({ about: "Its name; `*` stands for any characters.", check: notEmpty, example: "eth*" }),
    macaddress: text({ about: "Its MAC address.", check: macAddress, example: "'52:54:00:12:34:56'" }),
    driver: text({
      about: "The kernel's driver; `*` stands for any characters.",
      check: notEmpty,
      example: "virtio_net",
    }),
    path: text({
      about: "Where it is plugged in, as udev's ID_PATH and systemd's `Path=`; `*` stands for any characters.",
      check: devicePath,
      example: "pci-0000:01:00.0",
    }),
  },
  { about: "Which cards are meant, if not the one of that name. All that is said must be so." },
);

const ethernet = struct(
  {
    match,
    set_name: text({ about: "The name that it shall have.", check: linkName, example: "lan0" }),
    ...common,
  },
  { about: "A network card." },
);

const interfaces = (what: string) =>
  list(text({ check: notEmpty }), {
    about: `${what}, by their keys in this file or by name.`,
    example: "[eth1, eth2]",
  });

const bondParameters = struct(
  {
    mode: text({
      about: "How: balance-rr if not given.",
      check: like(
        /^(balance-rr|active-backup|balance-xor|broadcast|802\.3ad|balance-tlb|balance-alb)$/,
        "a mode of bonding",
        "such as active-backup or 802.3ad",
      ),
      example: "802.3ad",
    }),
    mii_monitor_interval: text({
      about: "Milliseconds between looks at the links: 100 if not given.",
      check: number(0, 60000),
      example: "100",
    }),
    lacp_rate: text({ about: "slow or fast.", check: like(/^(slow|fast)$/, "slow or fast"), example: "fast" }),
    transmit_hash_policy: text({
      about: "What a packet's card depends on.",
      check: like(
        /^(layer2|layer2\+3|layer3\+4|encap2\+3|encap3\+4|vlan\+srcmac)$/,
        "a hash policy",
        "such as layer3+4",
      ),
      example: "layer3+4",
    }),
    primary: text({ about: "The card that active-backup prefers.", check: notEmpty, example: "eth1" }),
  },
  { about: "How they work together." },
);

const bond = struct(
  {
    interfaces: interfaces("The cards that become one"),
    parameters: bondParameters,
    ...common,
  },
  { about: "Several cards as one.", needed: ["interfaces"] },
);

const bridgeParameters = struct(
  { stp: flag({ about: "Spanning tree: false if not given.", example: "true" }) },
  { about: "How it works." },
);

const bridge = struct(
  {
    interfaces: interfaces("What it connects"),
    parameters: bridgeParameters,
    ...common,
  },
  { about: "A bridge." },
);

const vlan = struct(
  {
    id: text({ about: "The number of the VLAN.", check: number(0, 4094), example: "10" }),
    link: text({ about: "What it runs over, by its key in this file or by name.", check: notEmpty, example: "eth0" }),
    ...common,
  },
  { needed: ["id", "link"] },
);

export const network = struct(
  {
    version: text({ about: "Of the format; may be left out.", check: like(/^2$/, "2"), example: "2" }),
    ethernets: map(ethernet, {
      about: "Network cards, by name, or by any key with a `match`. Cards that are not named stay as they are.",
      checkKey: ethernetKey,
      example: "{ eth0: { addresses: [192.168.1.5/24], gateway4: 192.168.1.1 } }",
    }),
    bonds: map(bond, {
      about: "Several cards as one. Addresses and the like as for `ethernets`.",
      checkKey: linkName,
      example: "{ bond0: { interfaces: [eth1, eth2], dhcp4: true } }",
    }),
    bridges: map(bridge, {
      about: "Bridges. Addresses and the like as for `ethernets`.",
      checkKey: linkName,
      example: "{ br0: { interfaces: [eth1], dhcp4: true } }",
    }),
    vlans: map(vlan, {
      about: "VLANs. Addresses and the like as for `ethernets`.",
      checkKey: linkName,
      example: "{ vlan10: { id: 10, link: eth0, addresses: [10.0.10.5/24] } }",
    }),
    nameservers,
    routes: list(route, {
      about: "Routes over whatever reaches their gateway.",
      example: "[{ to: 10.0.0.0/8, via: 192.168.1.254 }]",
    }),
  },
  {
    about: "Interfaces, addresses and routes, in the words of netplan and of cloud-init's network-config version 2.",
    check: checkReferences,
  },
);

export type Network = Infer<typeof network>;
export type Ethernet = Infer<typeof ethernet>;
export type Route = Infer<typeof route>;
/** What all kinds of interfaces have in common. */
export type Common = Infer<typeof anyInterface>;
