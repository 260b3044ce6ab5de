import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { load, pending, plan } from "../index.ts";
import { loadText, told } from "../testing.ts";
import type { Interface } from "./cards.ts";
import { dhcpcdConf } from "./dhcpcd.ts";
import { isOfCluster } from "./names.ts";
import { resolve } from "./resolve.ts";
import { prefixLength } from "./translate.ts";

const CARDS: readonly Interface[] = [
  { name: "eth0", mac: "52:54:00:00:00:01", driver: "virtio_net", path: "pci-0000:00:03.0" },
  { name: "eth1", mac: "52:54:00:00:00:02", driver: "e1000" },
  { name: "eth2", mac: "52:54:00:00:00:03", driver: "virtio_net", path: "pci-0000:02:00.0" },
  { name: "cni0", mac: "52:54:00:00:00:04" },
  { name: "veth1234", mac: "52:54:00:00:00:05", driver: "veth" },
];

const parse = (text: string) =>
  loadText(`k3os:\n  network:\n${text.replace(/^/gm, "    ")}`, "system", { strict: true });
const networkOf = (text: string) => {
  const loaded = parse(text);
  expect(told(loaded)).toEqual([]);
  return loaded.config.k3os?.network ?? {};
};
const resolved = (text: string) => resolve(networkOf(text), CARDS);

describe("what a network comes to", () => {
  const cases: readonly (readonly [what: string, text: string, commands: readonly string[]])[] = [
    [
      "static addresses of both families, with gateways",
      "ethernets: { eth0: { addresses: [10.0.0.5/24, 10.0.0.6/32, 'fd00::5/64'], gateway4: 10.0.0.1, gateway6: 'fd00::1', mtu: 9000 } }",
      [
        "link set dev eth0 mtu 9000",
        "link set dev eth0 up",
        "address flush dev eth0 scope global",
        "address replace 10.0.0.5/24 broadcast + dev eth0",
        "address replace 10.0.0.6/32 dev eth0",
        "address replace fd00::5/64 dev eth0",
        "route replace 0.0.0.0/0 via 10.0.0.1 dev eth0",
        "route replace ::/0 via fd00::1 dev eth0",
      ],
    ],
    [
      "a card by its MAC address, in any case",
      "ethernets: { lan: { match: { macaddress: '52:54:00:00:00:02' }, addresses: [10.0.0.5/24] } }",
      [
        "link set dev eth1 up",
        "address flush dev eth1 scope global",
        "address replace 10.0.0.5/24 broadcast + dev eth1",
      ],
    ],
    [
      "every card of a driver, once, and never the cluster's",
      "ethernets: { first: { match: { name: eth0 }, dhcp4: true }, rest: { match: { driver: '*' }, dhcp4: true } }",
      ["link set dev eth0 up", "link set dev eth1 up", "link set dev eth2 up"],
    ],
    [
      "a card by where it is plugged in",
      "ethernets: { lan: { match: { path: 'pci-0000:02:00.0' }, dhcp4: true } }",
      ["link set dev eth2 up"],
    ],
    [
      "cards by the beginning of their path, of which a card without one has none",
      "ethernets: { all: { match: { path: 'pci-0000:0*:00.?' }, mtu: 9000 }, rest: { match: { path: '*' }, dhcp4: true } }",
      ["link set dev eth2 mtu 9000", "link set dev eth2 up", "link set dev eth0 up"],
    ],
    [
      "names that are swapped",
      "ethernets: { a: { match: { name: eth0 }, set-name: eth1 }, b: { match: { name: eth1 }, set-name: eth0 }, c: { match: { name: eth2 }, set-name: lan } }",
      [
        "link set dev eth0 down",
        "link set dev eth1 down",
        "link set dev eth2 down",
        "link set dev eth0 name k3os-0",
        "link set dev eth1 name k3os-1",
        "link set dev k3os-0 name eth1",
        "link set dev k3os-1 name eth0",
        "link set dev eth2 name lan",
        "link set dev eth1 up",
        "link set dev eth0 up",
        "link set dev lan up",
      ],
    ],
    [
      "routes with metric and a gateway outside of the network",
      "ethernets: { eth0: { dhcp4: true, routes: [{ to: default, via: 10.9.9.1, on-link: true, metric: 50 }, { to: 10.0.0.0/8, via: 10.1.1.1 }] } }\nroutes: [{ to: 'fd01::/64', via: 'fd00::2' }]",
      [
        "link set dev eth0 up",
        "route replace 0.0.0.0/0 via 10.9.9.1 dev eth0 metric 50 onlink",
        "route replace 10.0.0.0/8 via 10.1.1.1 dev eth0",
        "route replace fd01::/64 via fd00::2",
      ],
    ],
    [
      "a VLAN on a bond of cards by key and by name, in a bridge",
      [
        "ethernets: { up: { match: { driver: e1000 } } }",
        "bonds: { bond0: { interfaces: [up, eth2], parameters: { mode: active-backup, primary: up } } }",
        "vlans: { v10: { id: 10, link: bond0 } }",
        "bridges: { br0: { interfaces: [v10], addresses: [10.0.0.5/24] } }",
      ].join("\n"),
      [
        "link add name bond0 type bond mode active-backup miimon 100",
        "link add name br0 type bridge stp_state 0 forward_delay 0",
        "link set dev bond0 up",
        "link add link bond0 name v10 type vlan id 10",
        "link set dev eth1 down",
        "link set dev eth1 master bond0",
        "link set dev eth2 down",
        "link set dev eth2 master bond0",
        "link set dev bond0 type bond primary eth1",
        "link set dev v10 master br0",
        "link set dev v10 up",
        "link set dev eth1 up",
        "link set dev bond0 up",
        "link set dev br0 up",
        "link set dev v10 up",
        "address flush dev br0 scope global",
        "address replace 10.0.0.5/24 broadcast + dev br0",
      ],
    ],
  ];
  it.each(cases)("%s", (_, text, commands) => {
    expect(resolved(text)).toMatchObject({ commands, problems: [] });
  });

  it("knows a card again that has got its name and its MAC address", () => {
    const text =
      "ethernets: { a: { match: { name: eth0 }, set-name: lan0 }, b: { match: { macaddress: '52:54:00:00:00:02' }, macaddress: '52:54:00:00:00:99' } }";
    const renamed = [
      { name: "lan0", mac: "52:54:00:00:00:01", driver: "virtio_net" },
      { name: "eth1", mac: "52:54:00:00:00:99", driver: "e1000" },
    ];
    expect(resolve(networkOf(text), renamed)).toMatchObject({
      problems: [],
      commands: ["link set dev lan0 up", "link set dev eth1 address 52:54:00:00:00:99", "link set dev eth1 up"],
    });
  });

  it("makes links once", () => {
    const bonded = [...CARDS, { name: "bond0", mac: "52:54:00:00:00:01" }];
    const { commands } = resolve(networkOf("bonds: { bond0: { interfaces: [eth1] } }"), bonded);
    expect(commands[0]).toBe("link set dev eth1 down");
  });

  it("tells which card is missing and which there are, and configures the others", () => {
    const found = resolved(
      "ethernets: { eth9: { dhcp4: true }, eth0: { dhcp4: true } }\nvlans: { v1: { id: 1, link: nope } }",
    );
    expect(found.problems).toEqual([
      "ethernets.eth9: no interface matches; this machine has eth0 (52:54:00:00:00:01, virtio_net, pci-0000:00:03.0), eth1 (52:54:00:00:00:02, e1000), eth2 (52:54:00:00:00:03, virtio_net, pci-0000:02:00.0)",
      "v1: there is no interface nope",
    ]);
    expect(found.dhcp?.map(({ name }) => name)).toEqual(["eth0"]);
  });

  it("leaves every card to DHCP if none of those is there that it names: the node can still be reached", () => {
    expect(resolved("ethernets: { eth9: { addresses: [10.0.0.5/24] } }").dhcp).toBeUndefined();
    expect(resolved("nameservers: { addresses: [1.1.1.1] }").dhcp).toBeUndefined();
    expect(resolved("ethernets: { eth0: { addresses: [10.0.0.5/24] } }").dhcp).toEqual([]);
  });

  it("heeds routers where there is DHCP, and where it is told to", () => {
    expect(resolved("ethernets: { eth0: { addresses: [10.0.0.5/24] } }").ignoringRouters).toEqual(["eth0"]);
    expect(resolved("ethernets: { eth0: { addresses: [10.0.0.5/24], accept-ra: true } }")).toMatchObject({
      ignoringRouters: [],
      dhcp: [{ name: "eth0", ipv4: false, ipv6: true }],
    });
    expect(resolved("ethernets: { eth0: { dhcp4: true } }").ignoringRouters).toEqual([]);
    expect(resolved("vlans: { v1: { id: 1, link: eth0 } }").ignoringRouters).toEqual(["v1", "eth0"]);
  });
});

describe("what dhcpcd looks after", () => {
  it("is what is listed, each with what it may take", () => {
    const { dhcp } = resolved(
      "ethernets: { eth0: { dhcp4: true }, eth1: { dhcp4: true, accept-ra: false, dhcp4-overrides: { use-dns: false, use-routes: false, route-metric: 200 } }, eth2: { dhcp6: true } }",
    );
    const text = dhcpcdConf("nodev\n", dhcp);
    expect(text.split("\n").slice(2)).toEqual([
      "allowinterfaces eth0 eth1 eth2",
      "interface eth0",
      ...["interface eth1", "noipv6", "nogateway", "nohook resolv.conf", "metric 200"],
      ...["interface eth2", "noipv4", ""],
    ]);
    expect(dhcpcdConf(text, dhcp)).toBe(text);
    expect(dhcpcdConf(text, undefined)).toBe("nodev\n");
    expect(dhcpcdConf("nodev\n", [])).toContain("denyinterfaces *\n");
  });
});

it("dhcpcd is denied what belongs to the cluster, the same here and there", () => {
  for (const file of ["etc/dhcpcd.conf", "usr/lib/k3os/dhcpcd-early.conf"]) {
    const conf = readFileSync(new URL(`../../../os/rootfs/${file}`, import.meta.url), "utf8");
    const patterns = /^denyinterfaces (.*)$/m.exec(conf)?.[1]?.split(" ") ?? [];
    expect(patterns.filter((pattern) => !isOfCluster(pattern.replace("*", "0")))).toEqual([]);
    expect(patterns.length).toBeGreaterThan(10);
  }
});

describe("a network that is wrong", () => {
  it.each([
    ["ethernets: { eth0: { addresses: [10.0.0.5] } }", "expected an address with the length of its prefix"],
    ["ethernets: { eth0: { addresses: [10.0.0.5/33] } }", "expected an address with the length of its prefix"],
    ["ethernets: { cni0: { dhcp4: true } }", "expected an interface that is not the cluster's"],
    ["bonds: { veth0: { interfaces: [eth0] } }", "expected an interface that is not the cluster's"],
    ["bonds: { bond0: { interfaces: [eth0], parameters: { mode: lacp } } }", "expected a mode of bonding"],
    ["vlans: { v: { id: 5000, link: eth0 } }", "expected a number from 0 to 4094"],
    ["vlans: { v: { id: 5 } }", "expected this key, got none"],
    [
      "ethernets: { eth0: { routes: [{ to: 10.0.0.0/8, via: 'fd00::1' }] } }",
      "expected an IPv4 address, as `to` is one",
    ],
    ["ethernets: { eth0: { gateway4: 'fd00::1' } }", "expected an IPv4 address"],
    ["ethernets: { eth0: { match: { macaddress: 52-54 } } }", "expected a MAC address"],
    [
      "ethernets: { a: { dhcp4: true } }\nbonds: { b: { interfaces: [a] } }",
      "to be an interface that is free, got one with addresses",
    ],
    ["bonds: { b: { interfaces: [a] } }\nbridges: { c: { interfaces: [a] } }", "got one that `b` has"],
    ["ethernets: { eth0: { dhcpv4: true } }", "unknown key"],
  ])("%s", (text, message) => {
    expect(told(parse(text)).join("\n")).toContain(message);
  });
});

it("takes null for any of its keys", () => {
  const text =
    "ethernets: { a: ~, b: { match: ~, addresses: ~, routes: ~, nameservers: ~, dhcp4: ~ } }\nbonds: { c: { interfaces: [b] } }\nbridges: ~\nvlans: ~\nroutes: ~\nnameservers: ~";
  const { config } = parse(text);
  expect(resolve(config.k3os?.network ?? {}, CARDS).dhcp).toBeUndefined();
  expect(told(parse("bonds: ~\nethernets: ~"))).toEqual([]);
});

it("can be said on the kernel's command line, for a machine that has to reach its configuration first", () => {
  const line =
    "quiet k3os.network.ethernets[eth0].addresses=10.0.0.5/24 k3os.network.ethernets.eth0.gateway4=10.0.0.1 k3os.network.vlans[eth0.5].id=5 k3os.network.vlans[eth0.5].link=eth0";
  const loaded = loadText(line, "cmdline");
  expect(told(loaded)).toEqual([]);
  expect(loaded.config.k3os?.network).toEqual({
    ethernets: { eth0: { addresses: ["10.0.0.5/24"], gateway4: "10.0.0.1" } },
    vlans: { "eth0.5": { id: "5", link: "eth0" } },
  });
});

describe("network-config", () => {
  const translated = (text: string) => {
    const loaded = load([{ name: "network-config", kind: "network-config", text }]);
    return { network: loaded.config.k3os?.network, told: told(loaded) };
  };

  it("version 2 is taken as it is, with or without `network:`", () => {
    const inner = "version: 2\nethernets: { eth0: { dhcp4: true } }";
    const network = { version: "2", ethernets: { eth0: { dhcp4: true } } };
    expect(translated(inner)).toEqual({ network, told: [] });
    expect(translated(`network:\n${inner.replace(/^/gm, "  ")}`)).toEqual({ network, told: [] });
  });

  const cases: readonly (readonly [what: string, item: string, network: object])[] = [
    ["dhcp", "{ type: physical, name: eth0, subnets: [{ type: dhcp }] }", { ethernets: { eth0: { dhcp4: true } } }],
    [
      "static addresses with netmasks, gateways, name servers",
      "{ type: physical, name: eth0, mac_address: '52:54:00:00:00:01', mtu: 1450, subnets: [{ type: static, address: 10.0.0.5, netmask: 255.255.255.0, gateway: 10.0.0.1, dns_nameservers: [1.1.1.1], dns_search: a.example }, { type: static6, address: 'fd00::5/64', gateway: 'fd00::1' }] }",
      {
        ethernets: {
          eth0: {
            match: { macaddress: "52:54:00:00:00:01" },
            set_name: "eth0",
            mtu: "1450",
            addresses: ["10.0.0.5/24", "fd00::5/64"],
            routes: [
              { to: "default", via: "10.0.0.1" },
              { to: "default", via: "fd00::1" },
            ],
            nameservers: { addresses: ["1.1.1.1"], search: ["a.example"] },
          },
        },
      },
    ],
    [
      "routes of a subnet, and of nobody",
      "{ type: physical, name: eth0, subnets: [{ type: dhcp4, routes: [{ network: 10.0.0.0, netmask: 255.0.0.0, gateway: 10.1.1.1 }, { network: '::', prefix: 0, gateway: 'fe80::1' }] }] }, { type: route, destination: 192.168.0.0/16, gateway: 10.1.1.2, metric: 3 }",
      {
        ethernets: {
          eth0: {
            dhcp4: true,
            routes: [
              { to: "10.0.0.0/8", via: "10.1.1.1" },
              { to: "default", via: "fe80::1" },
            ],
          },
        },
        routes: [{ to: "192.168.0.0/16", via: "10.1.1.2", metric: "3" }],
      },
    ],
    [
      "a bond, with the kernel's numbers",
      "{ type: bond, name: bond0, bond_interfaces: [eth0, eth1], params: { bond-mode: 4, bond_miimon: 50, bond-lacp-rate: 1 }, subnets: [{ type: dhcp6 }] }",
      {
        bonds: {
          bond0: {
            interfaces: ["eth0", "eth1"],
            parameters: { mode: "802.3ad", mii_monitor_interval: "50", lacp_rate: "fast" },
            dhcp6: true,
          },
        },
      },
    ],
    [
      "a VLAN and a bridge",
      "{ type: vlan, name: v5, vlan_link: eth0, vlan_id: 5 }, { type: bridge, name: br0, bridge_interfaces: [v5], params: { bridge_stp: 'off' } }",
      {
        vlans: { v5: { link: "eth0", id: "5" } },
        bridges: { br0: { interfaces: ["v5"], parameters: { stp: false } } },
      },
    ],
    [
      "name servers of all",
      "{ type: nameserver, address: [1.1.1.1, 9.9.9.9], search: [a] }, { type: nameserver, address: 8.8.8.8 }, { type: loopback, name: lo }",
      { nameservers: { addresses: ["1.1.1.1", "9.9.9.9", "8.8.8.8"], search: ["a"] } },
    ],
  ];
  it.each(cases)("version 1: %s", (_, items, network) => {
    expect(translated(`version: 1\nconfig: [${items}]`)).toEqual({ network, told: [] });
  });

  it("has nothing to say where it is empty or switched off", () => {
    for (const text of ["", "network: { config: disabled }", "network:"])
      expect(translated(text)).toEqual({ network: undefined, told: [] });
  });

  it("is told what is wrong, at its place, and never costs the node its other layers", () => {
    expect(translated("version: 3").told).toEqual(["error : expected version 1 or 2 of network-config"]);
    expect(translated("[a]").told).toEqual(["error : expected a map with `version`, got something else"]);
    const text =
      "version: 1\nconfig:\n- { type: physical, name: eth0, subnets: [{ type: static, address: 10.0.0.500/24 }] }\n";
    const { problems } = load([{ name: "n", kind: "network-config", text }]);
    expect(problems[0]).toMatchObject({ line: 3, column: 68, path: "k3os.network.ethernets.eth0.addresses[0]" });
    expect(translated("version: 1\nconfig: [{ type: wifi, name: w }]").told).toEqual([
      'warning : expected a device, got "wifi", which this version does not know',
    ]);
  });

  it.each([
    ["255.255.255.0", 24],
    ["255.255.254.0", 23],
    ["0.0.0.0", 0],
    ["24", 24],
    ["ffff:ffff:ffff:ffff::", 64],
    ["::", 0],
    ["255.0.255.0", undefined],
    ["zz::", undefined],
  ])("reads the mask %s", (mask, length) => {
    expect(prefixLength(mask)).toBe(length);
  });
});

describe("the plan of a network", () => {
  const stepsOf = (text: string) => plan(loadText(text).config, { mode: "live", version: "v1" });
  const STATIC =
    "k3os: { dns_nameservers: [1.1.1.1], network: { ethernets: { eth0: { addresses: [10.0.0.5/24], nameservers: { addresses: [10.0.0.1], search: [a.example] } } } } }";

  it("puts the user's own name servers first, and is complete where nobody adds any", () => {
    expect(stepsOf(STATIC).find(({ kind }) => kind === "dns")).toEqual({
      phase: "boot",
      kind: "dns",
      nameservers: ["1.1.1.1", "10.0.0.1"],
      search: ["a.example"],
      complete: true,
    });
    expect(stepsOf(STATIC).map(({ kind }) => kind)).toContain("network");
    expect(stepsOf("k3os: { dns_nameservers: [1.1.1.1] }").find(({ kind }) => kind === "dns")).toMatchObject({
      complete: false,
    });
  });

  it("is not there without the key", () => {
    expect(stepsOf("hostname: a").map(({ kind }) => kind)).toEqual(["hostname", "k3s"]);
    expect(pending).toBeDefined();
  });
});
