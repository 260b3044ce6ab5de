import { describe, expect, it } from "vitest";
import { loadText } from "../../config/testing.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { awaitCards, configureNetwork, resetNetwork } from "./configure.ts";
import { configuredNetwork } from "./configured.ts";
import { interfaces } from "./interfaces.ts";

const CONF = "nodev\n";

function machine(ip: () => { status?: number; stderr?: string } = () => ({})) {
  const inputs: string[] = [];
  const host: MemoryHost = memoryHost({
    files: {
      "/etc/dhcpcd.conf": CONF,
      "/etc/runlevels/default/dhcpcd": "",
      "/run/k3os/mode": "live",
      "/sys/class/net/lo/address": "00:00:00:00:00:00\n",
      "/sys/class/net/eth0/address": "52:54:00:00:00:01\n",
      "/sys/class/net/eth1/address": "52:54:00:00:00:02\n",
      "/sys/class/net/bonding_masters": "",
      "/proc/sys/net/ipv6/conf/eth0/accept_ra": "1",
    },
    programs: {
      modprobe: () => ({}),
      "rc-service": () => ({}),
      ip: (_, { input }) => {
        inputs.push(String(input));
        return ip();
      },
    },
  });
  for (const name of ["eth0", "eth1"]) {
    host.mkdir(`/sys/class/net/${name}/device`);
    host.symlink("../../../bus/virtio/drivers/virtio_net", `/sys/class/net/${name}/device/driver`);
  }
  return { host, inputs };
}

const networkOf = (text: string) => loadText(`k3os: { network: ${text} }`).config.k3os?.network ?? {};
const STATIC = networkOf("{ ethernets: { eth0: { addresses: [10.0.0.5/24], gateway4: 10.0.0.1 } } }");

describe("configureNetwork", () => {
  it("finds the cards and their drivers", () => {
    expect(interfaces(machine().host)).toEqual([
      { name: "eth0", mac: "52:54:00:00:00:01", driver: "virtio_net" },
      { name: "eth1", mac: "52:54:00:00:00:02", driver: "virtio_net" },
    ]);
  });

  it("tells where a card is plugged in, whatever it is called", () => {
    const { host } = machine();
    const card = "/sys/devices/pci0000:00/0000:00:03.0";
    host.mkdir(`${card}/net`);
    host.rename("/sys/class/net/eth1", `${card}/net/lan0`);
    host.symlink("../../devices/pci0000:00/0000:00:03.0/net/lan0", "/sys/class/net/lan0");
    host.symlink("../../../bus/pci", `${card}/subsystem`);
    expect(interfaces(host).map(({ name, path }) => [name, path])).toEqual([
      ["eth0", undefined],
      ["lan0", "pci-0000:00:03.0"],
    ]);
  });

  it("runs one ip, ignores routers, and keeps dhcpcd from starting, if everything is static", async () => {
    const { host, inputs } = machine();
    await configureNetwork(host, STATIC);
    expect(host.ran).toEqual([["ip", "-force", "-batch", "-"]]);
    expect(inputs[0]).toContain("address replace 10.0.0.5/24 broadcast + dev eth0\n");
    expect(host.readText("/proc/sys/net/ipv6/conf/eth0/accept_ra")).toBe("0");
    expect(host.stat("/etc/runlevels/default/dhcpcd")).toBeUndefined();
  });

  it("lets dhcpcd look after what it should and nothing else", async () => {
    const { host } = machine();
    await configureNetwork(host, networkOf("{ ethernets: { eth1: { dhcp4: true } } }"));
    expect(host.readText("/etc/dhcpcd.conf")).toContain("allowinterfaces eth1\ninterface eth1\n");
    expect(host.stat("/etc/runlevels/default/dhcpcd")).toBeDefined();
  });

  it("is taken back when the configuration changes while the node runs", async () => {
    const { host, inputs } = machine();
    host.mkdir("/run/openrc");
    host.write("/run/openrc/softlevel", "default");
    const before = "{ bonds: { bond0: { interfaces: [eth0] } }, vlans: { v10: { id: 10, link: bond0, dhcp4: true } } }";
    await configureNetwork(host, networkOf(before));
    for (const name of ["bond0", "v10"]) host.mkdir(`/sys/class/net/${name}`);
    await configureNetwork(host, STATIC);
    expect(inputs[1]).toMatch(/^link delete dev v10\nlink delete dev bond0\n/);
    expect(host.ran.filter(([name]) => name === "rc-service")).toEqual([
      ["rc-service", "dhcpcd", "restart"],
      ["rc-service", "dhcpcd", "stop"],
    ]);
    expect(host.readText("/etc/dhcpcd.conf")).toMatch(/^nodev\n.*\ndenyinterfaces \*\n$/);
  });

  it("takes back the addresses and routes of before, and nothing that others made", async () => {
    const { host, inputs } = machine();
    const before =
      "{ ethernets: { eth0: { addresses: [10.0.0.5/24, 10.0.0.6/24], gateway4: 10.0.0.1 }, eth1: { addresses: [fd00::1/64] } }, routes: [{ to: 10.9.0.0/16, via: 10.0.0.9, on_link: true }] }";
    await configureNetwork(host, networkOf(before));
    await configureNetwork(host, networkOf("{ ethernets: { eth0: { dhcp4: true, addresses: [10.0.0.6/24] } } }"));
    expect(inputs[1]?.trim().split("\n")).toEqual([
      "route delete 0.0.0.0/0 via 10.0.0.1 dev eth0",
      "route delete 10.9.0.0/16 via 10.0.0.9",
      "address delete 10.0.0.5/24 dev eth0",
      "address delete fd00::1/64 dev eth1",
    ]);
    expect(inputs[2]).not.toContain("flush");
  });

  it("keeps the addresses of before when no card is meant, until one is", async () => {
    const { host, inputs } = machine();
    await configureNetwork(host, STATIC);
    const typo = networkOf("{ ethernets: { eth7: { addresses: [10.0.0.6/24] } } }");
    await expect(configureNetwork(host, typo)).rejects.toThrow("no interface matches");
    expect(inputs.join()).not.toContain("delete");
    await configureNetwork(host, networkOf("{ ethernets: { eth0: { addresses: [10.0.0.6/24] } } }"));
    expect(inputs.at(-2)).toBe("route delete 0.0.0.0/0 via 10.0.0.1 dev eth0\naddress delete 10.0.0.5/24 dev eth0\n");
    expect(configuredNetwork(host)?.left).toBeUndefined();
  });

  it("knows the name that a card got, and that it gets another", async () => {
    const { host, inputs } = machine();
    const named = (name: string) =>
      networkOf(
        `{ ethernets: { a: { match: { macaddress: "52:54:00:00:00:01" }, set_name: ${name}, addresses: [10.0.0.5/24] } } }`,
      );
    await configureNetwork(host, named("lan0"));
    host.rename("/sys/class/net/eth0", "/sys/class/net/lan0");
    await configureNetwork(host, named("wan0"));
    expect(inputs[1]).toMatch(/^link set dev lan0 down\nlink set dev lan0 name wan0\n/);
    expect(inputs[1]).toContain("address replace 10.0.0.5/24 broadcast + dev wan0\n");
  });

  it("goes back to DHCP on every card when the configuration has no network any more", async () => {
    const { host, inputs } = machine();
    host.mkdir("/run/openrc");
    host.write("/run/openrc/softlevel", "default");
    await configureNetwork(
      host,
      networkOf(
        "{ ethernets: { eth0: { addresses: [10.0.0.5/24], gateway4: 10.0.0.1 } }, bridges: { br0: { interfaces: [eth1] } } }",
      ),
    );
    host.mkdir("/sys/class/net/br0");
    expect(configuredNetwork(host)).toMatchObject({ complete: true });
    await resetNetwork(host);
    expect(inputs[1]).toBe("route delete 0.0.0.0/0 via 10.0.0.1 dev eth0\naddress delete 10.0.0.5/24 dev eth0\n");
    expect(inputs[2]).toBe("link delete dev br0\n");
    expect(host.readText("/etc/dhcpcd.conf")).toBe(CONF);
    expect(host.stat("/etc/runlevels/default/dhcpcd")).toBeDefined();
    expect(host.ran.at(-1)).toEqual(["rc-service", "dhcpcd", "restart"]);
    expect(configuredNetwork(host)).toBeUndefined();
  });

  it("makes a VLAN anew whose number has changed, and leaves one alone that has not", async () => {
    const { host, inputs } = machine();
    const numbered = (id: number) => networkOf(`{ vlans: { v10: { id: ${id}, link: eth0 } } }`);
    await configureNetwork(host, numbered(10));
    host.mkdir("/sys/class/net/v10");
    host.write("/sys/class/net/v10/address", "52:54:00:00:00:01\n");
    await configureNetwork(host, numbered(10));
    await configureNetwork(host, numbered(11));
    expect(inputs[1]).not.toMatch(/delete|add/);
    expect(inputs[2]).toMatch(/^link delete dev v10\n[\s\S]*link add link eth0 name v10 type vlan id 11\n/);
  });

  it("loads bonding without the bond that it makes on its own", async () => {
    const { host } = machine();
    await configureNetwork(host, networkOf("{ bonds: { bond0: { interfaces: [eth0, eth1] } } }"));
    expect(host.ran[0]).toEqual(["modprobe", "bonding", "max_bonds=0"]);
  });

  it("says what could not be done, and does the rest", async () => {
    const { host } = machine(() => ({ status: 1, stderr: "Error: Nexthop has invalid gateway.\n" }));
    await expect(configureNetwork(host, networkOf("{ ethernets: { eth7: { dhcp4: true } } }"))).rejects.toThrow(
      "ethernets.eth7: no interface matches; this machine has eth0 (52:54:00:00:00:01, virtio_net), eth1 (52:54:00:00:00:02, virtio_net); Error: Nexthop has invalid gateway.",
    );
    expect(host.readText("/etc/dhcpcd.conf")).toBe(CONF);
    expect(configuredNetwork(host)).toMatchObject({ complete: false });
  });

  it("waits for drivers only if a card is missing", async () => {
    let loaded = false;
    const drivers = new Promise<void>((resolve) => setTimeout(resolve)).then(() => {
      loaded = true;
    });
    const { host } = machine();
    await awaitCards(host, STATIC, drivers);
    expect(loaded).toBe(false);
    await awaitCards(host, networkOf("{ ethernets: { eth7: { dhcp4: true } } }"), drivers);
    expect(loaded).toBe(true);
  });
});
