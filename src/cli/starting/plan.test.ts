import { describe, expect, it } from "vitest";
import { machinesIn, type Plan, planOf } from "./plan.ts";
import { noteMachine as machine, useNoMachines } from "./testing.ts";

useNoMachines();

const hardware = { memoryMiB: 1024, cpus: 1 };
const cluster = { wire: 41_000, token: "secret", servers: 1 };

const names = (plan: Plan) => machinesIn(plan).map(({ name }) => name);

describe("what ./k3os up starts", () => {
  it("is one machine with the config as it is, if nobody asks for agents", () => {
    const config = { text: "hostname: a\n", path: "config.yaml" };
    expect(planOf({ hardware, name: "k3os", agents: 0, config })).toEqual({
      server: { name: "k3os", hardware, config: "hostname: a\n" },
      otherServers: [],
      agents: [],
    });
  });

  it("is a server and its agents, which share a wire and a token", () => {
    const plan = planOf({ hardware, name: "k3os", agents: 2 });
    expect(names(plan)).toEqual(["k3os", "k3os-agent-1", "k3os-agent-2"]);
    const { server, agents } = plan;
    expect(new Set([server, ...agents].map((one) => JSON.stringify(one.cluster))).size).toBe(1);
    for (const one of [server, ...agents]) expect(one.config).toContain(server.cluster?.token);
  });

  it("leaves what runs, and gives further agents the cluster's wire and token", () => {
    machine("k3os", { runs: true, cluster });
    machine("k3os-agent-1", { runs: true, cluster, server: "k3os" });
    const { server, agents } = planOf({ hardware, name: "k3os", agents: 2 });
    expect([server, ...agents].map(({ running }) => running !== undefined)).toEqual([true, true, false]);
    expect(agents[1]).toMatchObject({
      cluster,
      nics: expect.arrayContaining([expect.objectContaining({ wire: 41_000 })]),
    });
  });

  it("is the server of its cluster again, also without agents", () => {
    machine("k3os", { cluster });
    const plan = planOf({ hardware, name: "k3os", agents: 0 });
    expect(names(plan)).toEqual(["k3os"]);
    expect(plan.server).toMatchObject({ cluster, config: expect.stringContaining("--node-ip=10.5.0.1") });
  });

  it("is several servers, which join the first, or one that has stayed", () => {
    const args = ({ config = "" }: { readonly config?: string | undefined }) =>
      /--(cluster-init|server=\S+)/.exec(config)?.[0];
    const plan = planOf({ hardware, name: "k3os", servers: 3, agents: 1 });
    expect(names(plan)).toEqual(["k3os", "k3os-server-2", "k3os-server-3", "k3os-agent-1"]);
    expect([plan.server, ...plan.otherServers].map(args)).toEqual([
      "--cluster-init",
      "--server=https://10.5.0.1:6443",
      "--server=https://10.5.0.1:6443",
    ]);
    const several = { ...cluster, servers: 3 };
    machine("k3os", { cluster: several });
    machine("k3os-server-2", { runs: true, cluster: several, server: "k3os" });
    const again = planOf({ hardware, name: "k3os", agents: 0 });
    expect(names(again)).toEqual(["k3os", "k3os-server-2", "k3os-server-3"]);
    expect([again.server, ...again.otherServers].map(args)).toEqual(Array(3).fill("--server=https://10.5.0.2:6443"));
  });

  it("is no second server of a cluster that stores in SQLite", () => {
    machine("k3os", { runs: true, cluster });
    expect(() => planOf({ hardware, name: "k3os", servers: 3, agents: 0 })).toThrow("has one server");
  });

  it("is refused where a name is something else", () => {
    machine("single", { runs: true });
    expect(() => planOf({ hardware, name: "single", agents: 1 })).toThrow("has no wire");
    machine("b-agent-1", {});
    expect(() => planOf({ hardware, name: "b", agents: 1 })).toThrow('There is a machine "b-agent-1" already');
    const from = { path: "/c.yaml", cluster: "f", node: "a", role: "agent", number: 2, config: "" } as const;
    machine("f-a", { cluster, server: "f-s", from });
    expect(() => planOf({ hardware, name: "f-a", agents: 0 })).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('belongs to the cluster "f"'),
        hint: expect.stringContaining("./k3os up --file /c.yaml"),
      }),
    );
    machine("c-agent-2", { cluster, server: "c" });
    for (const agents of [0, 1]) {
      expect(() => planOf({ hardware, name: "c-agent-2", agents })).toThrow(
        expect.objectContaining({
          message: expect.stringContaining('belongs to the cluster "c"'),
          hint: expect.stringContaining("--agents 2"),
        }),
      );
    }
  });
});
