import { beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { useMachine } from "../support/machine.ts";

const name = "test-network";

const mac = {
  uplink: "52:54:00:00:00:10",
  one: "52:54:00:00:00:11",
  two: "52:54:00:00:00:12",
  peer: "52:54:00:00:00:13",
};

// The uplink is QEMU's own network, with the address that it forwards the tests' ports to, but without DHCP. Two more
// cards hear each other and a fourth, which a namespace on the node takes: whoever answers from there has heard what
// was on the wire. One of them is of another kind, whose driver comes later, so that it is the last by name.
const node = useMachine(name);
const config = `
k3os:
  dns_nameservers: [10.0.2.4]
  network:
    ethernets:
      uplink:
        match: { macaddress: "${mac.uplink}" }
        set_name: wan0
        addresses: [10.0.2.15/24, 10.0.2.77/24, "fd00:2::15/64"]
        gateway4: 10.0.2.2
        nameservers: { addresses: [10.0.2.3], search: [a.example, b.example] }
      one: { match: { macaddress: "${mac.one}" } }
      two: { match: { driver: vmxnet3 } }
    bonds:
      bond0:
        interfaces: [one, two]
        parameters: { mode: active-backup, primary: one }
        mtu: 1450
    vlans:
      lan42:
        id: 42
        link: bond0
        addresses: [192.168.42.5/24, "fd00:42::5/64"]
        routes: [{ to: 172.31.0.0/16, via: 192.168.42.1, metric: 7 }]
      lan43: { id: 43, link: bond0 }
    bridges:
      br0: { interfaces: [lan43], addresses: [192.168.43.5/24] }
`;

beforeAll(async () => {
  const nics = [
    { mac: mac.uplink },
    { mac: mac.one, hub: 1 },
    { mac: mac.two, hub: 1, model: "vmxnet3" },
    { mac: mac.peer, hub: 1 },
  ];
  await node.startReady({ config, nics });
});

/** The layer that the tests change. */
const layer = "network.yaml";

describe("a node whose addresses are static", () => {
  it("has them and nothing else, on the card with that MAC address", async () => {
    const [wan] = JSON.parse(await node.node("ip -json address show dev wan0"));
    expect(wan.address).toBe(mac.uplink);
    const global = wan.addr_info.filter((one: { scope: string }) => one.scope === "global");
    expect(global.map((one: { local: string; prefixlen: number }) => `${one.local}/${one.prefixlen}`)).toEqual([
      "10.0.2.15/24",
      "10.0.2.77/24",
      "fd00:2::15/64",
    ]);
    expect(await node.node("ip route show default")).toMatch(/^default via 10\.0\.2\.2 dev wan0 *\n$/);
  });

  it("needs no DHCP client, and waits for none", async () => {
    expect(await node.node("pidof dhcpcd || echo none")).toBe("none\n");
    expect(await node.node("cat /etc/resolv.conf")).toBe(
      "nameserver 10.0.2.4\nnameserver 10.0.2.3\nsearch a.example b.example\n",
    );
  });

  it("is known to Kubernetes by the first of them", async () => {
    const { status } = JSON.parse(await node.kubectl("get", "node", name, "-o", "json"));
    expect(status.addresses).toContainEqual({ type: "InternalIP", address: "10.0.2.15" });
  });

  it("has a bond of two cards, one found by its driver, and VLANs on it that talk to the wire with their tags", async () => {
    expect(await node.node("cat /sys/class/net/bond0/bonding/slaves")).toBe("eth1 eth3\n");
    expect(await node.node("cat /sys/class/net/bond0/bonding/{mode,primary} /sys/class/net/bond0/mtu")).toBe(
      "active-backup 1\neth1\n1450\n",
    );
    const peer = (command: string) => `sudo ip -n peer ${command}`;
    await node.node(
      [
        "sudo ip netns add peer",
        "sudo ip link set dev eth2 netns peer",
        peer("link set dev eth2 up"),
        ...[42, 43].flatMap((id) => [
          peer(`link add link eth2 name tag${id} type vlan id ${id}`),
          peer(`address add 192.168.${id}.1/24 dev tag${id}`),
          peer(`link set dev tag${id} up`),
        ]),
        peer("address add fd00:42::1/64 nodad dev tag42"),
      ].join(" && "),
    );
    for (const address of ["192.168.42.1", "192.168.43.1", "fd00:42::1"])
      expect(await node.node(`sudo ping -c 3 -W 5 ${address}`)).toMatch(/[1-3] packets received/);
    expect(await node.node("ip route show 172.31.0.0/16")).toMatch(/via 192\.168\.42\.1 dev lan42 metric 7/);
  });

  it("keeps working over the other card when one fails", async () => {
    await node.node("sudo ip link set dev eth1 down");
    expect(await node.node("sudo ping -c 5 -W 5 192.168.42.1")).toMatch(/[1-5] packets received/);
    expect(await node.node("cat /sys/class/net/bond0/bonding/active_slave")).toBe("eth3\n");
  });

  it("finds nothing to do when the same config is applied again", async () => {
    expect(await node.node("sudo k3os apply")).toBe("");
  });

  it("takes another address while it runs, and leaves the cluster's interfaces alone", async () => {
    const cluster = "ip -json address show dev cni0 | sed 's/\"valid_life_time.*//'";
    // Once a pod has started, the carrier stays.
    await node.node("until ip link show cni0 2>&1 | grep -q LOWER_UP; do sleep 1; done");
    const before = await node.node(cluster);
    const change =
      "k3os: { network: { ethernets: { wan0: { gateway4: 10.0.2.2, addresses: [10.0.2.15/24, 10.0.2.99/24] } }, bonds: ~, vlans: ~, bridges: ~ } }\n";
    await node.writeLayer(layer, change);
    expect(await node.node("sudo k3os config --plan")).toContain("configure the network: wan0\n");
    expect(await node.node("sudo k3os apply")).toContain("configure the network: wan0\n");
    expect(await node.node("ip -4 -brief address show dev wan0")).toMatch(/10\.0\.2\.15\/24 10\.0\.2\.99\/24 *\n/);
    expect(await node.node("ip -brief link | grep -c -E '^(bond0|lan4|br0)' || true")).toBe("0\n");
    expect(await node.node(cluster)).toBe(before);
    expect(await node.node("sudo k3os apply")).toBe("");
  });

  it("says which cards there are when a config names another, and stays within reach by DHCP", async () => {
    const change =
      "k3os: { network: { ethernets: { eth7: { addresses: [10.9.9.9/24] } }, bonds: ~, vlans: ~, bridges: ~ } }";
    await node.writeLayer(layer, change);
    const applied = await node.ssh("sudo k3os apply");
    expect(applied.status).toBe(1);
    const cards = `eth1 \\(${mac.one}, virtio_net, pci-\\S+\\), eth3 \\(${mac.two}, vmxnet3, pci-\\S+\\)`;
    expect(applied.stdout).toMatch(new RegExp(`ethernets.eth7: no interface matches; this machine has ${cards}`));
    expect(await node.node("pidof dhcpcd >/dev/null && ip -4 -brief address show dev wan0")).toContain("10.0.2.15/24");
    // By a connection of its own.
    expect((await node.machine.ssh("true")).status).toBe(0);
  });

  it("asks DHCP on every card when the config has no network any more, and leaves the cluster's interfaces alone", async () => {
    const back = `k3os: { network: { ethernets: { wan0: { addresses: [10.0.2.15/24, 10.0.2.88/24], gateway4: 10.0.2.2 } }, bonds: ~, vlans: ~, bridges: ~ } }`;
    await node.writeLayer(layer, back);
    await node.node("sudo k3os apply");
    expect(await node.node("ip -4 -brief address show dev wan0; pidof dhcpcd || true")).toMatch(
      /10\.0\.2\.15\/24 10\.0\.2\.88\/24 *\n$/,
    );
    const cluster = "ip -json address show dev cni0 | sed 's/\"valid_life_time.*//'; ip route show dev cni0";
    const before = await node.node(cluster);
    await node.writeLayer(layer, "k3os: { network: ~ }\n");
    expect(await node.node("sudo k3os apply")).toMatch(/^let every network card ask DHCP again$/m);
    await eventually(async () => {
      const [{ addr_info: addresses }] = JSON.parse(await node.node("ip -4 -json address show dev wan0"));
      expect(addresses).toMatchObject([{ local: "10.0.2.15", dynamic: true }]);
      expect(await node.node("ip route show default")).toMatch(/^default via 10\.0\.2\.2 dev wan0 proto dhcp/);
    });
    expect(await node.node(cluster)).toBe(before);
    expect(await node.node("sudo k3os apply")).toBe("");
    await eventually(() => node.kubectl("wait", "--for=condition=Ready", `node/${name}`, "--timeout=1s"));
  });

  it("understands network-config as clouds write it, one layer below its own configuration", async () => {
    const text = "version: 1\nconfig:\n- { type: nameserver, address: 10.0.2.9, search: [c.example] }\n";
    await node.removeLayer(layer);
    await node.node(`printf '%s' '${text}' | sudo tee /run/config/network-config`);
    const { config: merged } = JSON.parse(await node.node("sudo k3os config --json"));
    expect(merged.k3os.network).toMatchObject({
      nameservers: { addresses: ["10.0.2.9"], search: ["c.example"] },
      vlans: { lan43: { id: "43" } },
    });
    expect(await node.node("sudo k3os config --why k3os.network.nameservers")).toMatch(
      /\/run\/config\/network-config:3:\d+/,
    );
  });
});
