import { describe, expect, it } from "vitest";
import { load } from "../config/load.ts";
import { agentsOf, configOf, nicsOf, optionFor, serversOf } from "./cluster.ts";
import { nicArguments } from "./nics.ts";

const cluster = { wire: 41_000, token: "secret", servers: 1 };

describe("a cluster of machines", () => {
  const [first, second] = agentsOf("k3os", 2);
  if (first === undefined || second === undefined) throw new Error("two agents were asked for");

  it("has servers, and agents that are named after the first of them", () => {
    expect(serversOf("k3os", 3)).toEqual([
      { name: "k3os", role: "server", number: 1 },
      { name: "k3os-server-2", role: "server", number: 2 },
      { name: "k3os-server-3", role: "server", number: 3 },
    ]);
    expect([first, second]).toEqual([
      { name: "k3os-agent-1", role: "agent", number: 10 },
      { name: "k3os-agent-2", role: "agent", number: 11 },
    ]);
    expect(optionFor("k3os-agent-2")).toBe("--agents 2");
    expect(optionFor("k3os-server-3")).toBe("--servers 3");
  });

  it("begins in etcd if it has several servers, which join one of them", () => {
    const several = { ...cluster, servers: 3 };
    const [one, two] = serversOf("k3os", 2);
    if (two === undefined) throw new Error("two servers were asked for");
    const argsOf = (text: string) =>
      load([{ name: "config.yaml", kind: "userdata", text }], { strict: true }).config.k3os?.k3s_args;
    expect(argsOf(configOf(one, several))).toEqual(["server", "--node-ip=10.5.0.1", "--cluster-init"]);
    expect(argsOf(configOf(one, several, {}, 2))).toEqual([
      "server",
      "--node-ip=10.5.0.1",
      "--server=https://10.5.0.2:6443",
    ]);
    expect(argsOf(configOf(two, several, {}, 1))).toEqual([
      "server",
      "--node-ip=10.5.0.2",
      "--server=https://10.5.0.1:6443",
    ]);
  });

  it("gives each machine cards of its own, the second one on the cluster's wire", () => {
    expect(nicArguments(nicsOf(first, cluster), [{ host: 1, guest: 22 }])).toEqual([
      ...["-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:1-:22"],
      ...["-device", "virtio-net-pci,netdev=net,mac=52:54:00:05:00:0a"],
      ...["-netdev", "socket,id=net1,mcast=230.0.0.1:41000,localaddr=127.0.0.1"],
      ...["-device", "virtio-net-pci,netdev=net1,mac=52:54:00:05:01:0a"],
    ]);
  });

  it("gives each machine a config that a node takes, with what they share", () => {
    const labels = { zone: "a" };
    const own = {
      write_files: [{ path: "/etc/x", content: "x" }],
      k3os: { labels, k3s_args: ["--disable", "coredns"] },
    };
    const read = (text: string) => load([{ name: "config.yaml", kind: "userdata", text }], { strict: true });
    const server = read(configOf(serversOf("k3os", 1)[0], cluster, own));
    const agent = read(configOf(second, cluster, own));
    expect([server.problems, agent.problems]).toEqual([[], []]);
    expect(server.config.k3os).toMatchObject({
      token: "secret",
      labels,
      k3s_args: ["server", "--node-ip=10.5.0.1", "--disable", "coredns"],
    });
    expect(server.config.k3os?.server_url).toBeUndefined();
    expect(agent.config.k3os).toMatchObject({
      token: "secret",
      server_url: "https://10.5.0.1:6443",
      labels,
      k3s_args: ["agent", "--node-ip=10.5.0.11"],
    });
    expect(agent.config.write_files).toEqual(server.config.write_files);
  });

  it.each([
    ["hostname", { hostname: "a" }],
    ["k3os.network", { k3os: { network: {} } }],
    ["k3os.token", { k3os: { token: "t" } }],
    ["server in k3os.k3s_args", { k3os: { k3s_args: ["server"] } }],
    ["--token in k3os.k3s_args", { k3os: { k3s_args: ["--token=x"] } }],
    ["server in k3os.k3s_args", { k3os: { k3s_args: ["server --disable=coredns"] } }],
  ])("refuses a shared %s", (key, own) => {
    expect(() => configOf(first, cluster, own)).toThrow(`The config has ${key}`);
  });
});
