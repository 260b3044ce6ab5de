import { describe, expect, it } from "vitest";
import { type ClusterFile, readCluster } from "../../cluster/index.ts";
import { load } from "../../config/index.ts";
import type { MachineRecord } from "../../vm/record.ts";
import { changedKeys, type FilePlan, planOfFile } from "./file-plan.ts";
import { machinesIn } from "./plan.ts";
import { noteDisk, noteMachine, useNoMachines } from "./testing.ts";

useNoMachines();

const usual = { memoryMiB: 1024, cpus: 1 };
const path = "/c/cluster.yaml";

function fileOf(text: string): ClusterFile {
  const { cluster, problems } = readCluster({ path, text }, () => []);
  if (cluster === undefined) throw new Error(JSON.stringify(problems));
  return cluster;
}

const plan = (text: string, token = "secret") => planOfFile({ path, file: fileOf(text), token, usual });

/** As if the machines of the plan had been started; those whose names are given run. */
function start(planned: FilePlan, ...running: readonly string[]): void {
  for (const { name, hardware, cluster, from } of machinesIn(planned)) {
    const more: Partial<MachineRecord> = {
      ...{ memoryMiB: hardware.memoryMiB, cpus: hardware.cpus },
      ...(cluster && { cluster }),
      ...(from && { from }),
      ...(name !== planned.server.name && { server: planned.server.name }),
    };
    noteMachine(name, { ...more, runs: running.includes(name) });
  }
}

const argsOf = (planned: FilePlan) =>
  machinesIn(planned).map(({ config = "" }) => {
    const { config: read, problems } = load([{ name: "config.yaml", kind: "userdata", text: config }], {
      strict: true,
    });
    expect(problems).toEqual([]);
    return read.k3os?.k3s_args?.join(" ");
  });

const TWO = "name: c\nnodes:\n- { name: s, role: server }\n- { name: w, role: agent }\n";
const THREE = `name: c
nodes:
- { name: w, role: agent }
- { name: a, role: server }
- { name: b, role: server }
- { name: c, role: server }
`;

describe("what ./k3os up -f starts", () => {
  it("is a machine for each node, named after cluster and node, with its own hardware", () => {
    const { server, agents, notes } = plan(`${TWO.trimEnd().slice(0, -2)}, vm: { memory: 2G, cpus: 2, disk: 9G } }\n`);
    expect(server).toMatchObject({ name: "c-s", hardware: { memoryMiB: 1024, cpus: 1 } });
    expect(agents).toMatchObject([{ name: "c-w", hardware: { memoryMiB: 2048, cpus: 2, disk: 9216 } }]);
    expect(server.from).toMatchObject({ path, cluster: "c", node: "s", role: "server", number: 1 });
    expect(notes).toEqual([]);
  });

  it("begins with the first server, which the others join", () => {
    expect(argsOf(plan(TWO))).toEqual(["server --node-ip=10.5.0.1", "agent --node-ip=10.5.0.2"]);
    expect(argsOf(plan(THREE))).toEqual([
      "server --node-ip=10.5.0.2 --cluster-init",
      "server --node-ip=10.5.0.3 --server=https://10.5.0.2:6443",
      "server --node-ip=10.5.0.4 --server=https://10.5.0.2:6443",
      "agent --node-ip=10.5.0.1",
    ]);
  });

  it("takes the wire in place of what the file says of the real network", () => {
    const { server } = plan(`name: c
nodes:
- name: s
  role: server
  config:
    k3os:
      k3s_args: [--node-ip, 192.168.1.11, --disable=coredns]
      network: { ethernets: { lan: { match: { name: "en*" }, dhcp4: true } } }
`);
    const { config } = load([{ name: "config.yaml", kind: "userdata", text: server.config ?? "" }]);
    expect(config.hostname).toBe("s");
    expect(config.k3os?.k3s_args).toEqual(["server", "--node-ip=10.5.0.1", "--disable=coredns"]);
    expect(Object.keys(config.k3os?.network?.ethernets ?? {})).toEqual(["outside", "inside"]);
  });

  it("is what does not run, with the numbers, the wire and the token that the cluster has", () => {
    const before = plan(THREE);
    start(before, "c-b");
    const again = plan(`${THREE}- { name: x, role: agent }\n`);
    expect(machinesIn(again).map(({ name, running }) => [name, running !== undefined])).toEqual([
      ...[["c-b", true] as const, ["c-a", false] as const, ["c-c", false] as const],
      ...[["c-w", false] as const, ["c-x", false] as const],
    ]);
    expect(again.server.cluster).toEqual(before.server.cluster);
    // The first server comes back to those that have stayed.
    expect(argsOf(again)[1]).toBe("server --node-ip=10.5.0.2 --server=https://10.5.0.3:6443");
    expect(argsOf(again)[4]).toBe("agent --node-ip=10.5.0.5");
  });

  it("begins no other cluster when another server comes first in the file", () => {
    start(plan(THREE.replace(/.*name: c, .*\n/, "").replace(/.*name: b, .*\n/, "- { name: b, role: server }\n")));
    const moved = plan(THREE.replace("- { name: w, role: agent }\n", "- { name: z, role: server }\n"));
    expect(moved.server.name).toBe("c-a");
  });

  it("goes on with a server that has a disk, before one that has forgotten its cluster", () => {
    const before = plan(THREE);
    start(before);
    noteDisk("c-b");
    const again = plan(THREE);
    expect(machinesIn(again).map(({ name }) => name)).toEqual(["c-b", "c-a", "c-c", "c-w"]);
    expect(argsOf(again)[1]).toBe("server --node-ip=10.5.0.2 --server=https://10.5.0.3:6443");
    start(before, "c-c");
    expect(plan(THREE).server.name).toBe("c-c");
  });

  it("says what has changed of a machine that runs, and the way to it", () => {
    start(plan(TWO), "c-s", "c-w");
    const text = TWO.replace(
      "role: agent }",
      "role: agent, config: { k3os: { labels: { a: b } } }, vm: { memory: 2G } }",
    );
    expect(plan(text).notes).toEqual([
      "c-w runs with what the file said before of k3os.labels, vm.memory. " +
        "To change it: ./k3os down --name c-w, then ./k3os up --file /c/cluster.yaml",
    ]);
    expect(plan(TWO).notes).toEqual([]);
    expect(plan(TWO.replace("role: agent }", "role: agent, vm: { disk: 9G } }")).notes).toEqual([
      expect.stringContaining("c-w runs without a disk, unlike in the file"),
    ]);
  });

  it("says which machines are no longer in the file", () => {
    start(plan(TWO), "c-s", "c-w");
    expect(plan(TWO.replace("name: w", "name: v")).notes).toEqual([
      "c-w is no node of /c/cluster.yaml any more. To remove it from c: ./k3os down --name c-w --purge, " +
        "then ./k3os kubectl --name c-s delete node w",
    ]);
  });

  it.each([
    ["another token", TWO, "other", "is not the one that the machines"],
    ["a second server", THREE, "secret", "has one server, which stores in SQLite"],
    [
      "another role",
      "name: c\nnodes: [{ name: s, role: agent }, { name: t, role: server }]\n",
      "secret",
      "a node keeps its role",
    ],
  ])("is refused with %s", (_, text, token, message) => {
    start(plan(TWO), "c-s");
    expect(() => plan(text, token)).toThrow(message);
  });

  it("is refused where a name is something else", () => {
    noteMachine("c-w");
    expect(() => plan(TWO)).toThrow('There is a machine "c-w" already');
  });
});

it("configs differ in the keys that have other values", () => {
  const before = "hostname: a\nk3os: { labels: { a: b }, timezone: UTC }\n";
  expect(changedKeys(before, before)).toEqual([]);
  expect(changedKeys(before, "hostname: a\nrun_cmd: [x]\nk3os: { labels: { a: c } }\n")).toEqual([
    "k3os.labels",
    "k3os.timezone",
    "run_cmd",
  ]);
});
