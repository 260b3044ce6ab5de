import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isReady } from "../../kubernetes/node.ts";
import { type SimulatedNode, world } from "./testing.ts";
import { AGENTS, addPool, cluster, conditionOf, guard, isDone, poolIn, randomBy, SERVERS } from "./turns.cases.ts";
import { pathOf } from "./watches.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const HOURS = 3600;
const runs = { numRuns: Number(process.env.K3OS_RUNS ?? 2), endOnFailure: true };

describe("twenty agents", () => {
  it("upgrade all their nodes, within every budget, whatever order, kills, conflicts and silence", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.constantFrom(1, 3, "25%"), async (seed, limit) => {
        const simulation = cluster(3, 17, randomBy(seed));
        simulation.chances = { kill: 0.01, conflict: 0.3, silence: 0.02 };
        const image = { version: "2.0" };
        addPool(simulation, "servers", { ...SERVERS, image });
        addPool(simulation, "agents", {
          ...AGENTS,
          image,
          rollout: { maxUnavailable: limit, after: [{ pool: "servers" }] },
        });
        const pools = ["servers", "agents"];
        const check = guard(simulation, pools);
        const done = await simulation.run(
          12 * HOURS,
          () => isDone(simulation, ...pools),
          () => {
            check();
            const isAgentFirst = simulation.nodes.some(({ server, tried }) => !server && tried.length > 0);
            const areServersLate = simulation.nodes.some(({ server, version }) => server && version !== "2.0");
            if (isAgentFirst && areServersLate) throw new Error("an agent before a server");
          },
        );
        expect(done).toBe(true);
        expect(simulation.nodes.map(({ version, tried }) => [version, tried.length])).toEqual(
          Array(20).fill(["2.0", 1]),
        );
      }),
      runs,
    );
  }, 120_000);

  it("upgrade a pool of two flavours, each node to the image of its own, and agree about the target", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const flavours = ["cloud", "metal"];
        const specs = [0, 1, 2, 3].map((index) => ({
          name: `node-${index}`,
          flavour: flavours[index % 2] ?? "",
        }));
        const simulation = world(specs, randomBy(seed));
        simulation.chances = { kill: 0.01, conflict: 0.2, silence: 0.01 };
        addPool(simulation, "agents", { ...AGENTS, image: { channel: "stable" } });
        const targets = new Set<string>();
        const check = guard(simulation, ["agents"]);
        const look = () => {
          check();
          const digest = poolIn(simulation, "agents").status?.target?.digest;
          if (digest !== undefined) targets.add(digest);
        };
        expect(await simulation.run(12 * HOURS, () => isDone(simulation, "agents"), look)).toBe(true);
        expect(simulation.nodes.map(({ version, tried }) => [version, tried.length])).toEqual(
          Array(4).fill(["2.0", 1]),
        );
        await simulation.run(3 * HOURS, () => false, look);
        expect(targets.size).toBe(1);
      }),
      runs,
    );
  }, 120_000);

  it("go on without a flavour that has no image, which follows once it is published", async () => {
    const specs = ["cloud", "metal", "cloud", "metal"].map((flavour, index) => ({ name: `node-${index}`, flavour }));
    const simulation = world(specs, randomBy(1));
    simulation.unpublished.add("cloud");
    addPool(simulation, "agents", { ...AGENTS, image: { version: "2.0" } });
    const check = guard(simulation, ["agents"]);
    const versions = () => simulation.nodes.map(({ version }) => version).join(" ");
    expect(await simulation.run(12 * HOURS, () => versions() === "1.0 2.0 1.0 2.0", check)).toBe(true);
    await simulation.run(3 * HOURS, () => false, check);
    expect(conditionOf(poolIn(simulation, "agents"), "Ready")).toMatchObject({
      message: expect.stringMatching(
        /^2 of 4 are at 2\.0; node-[02]: the channel of the pool has no 2\.0 for amd64 cloud/,
      ),
    });
    expect(conditionOf(poolIn(simulation, "agents"), "Stalled")).toBeUndefined();
    expect(versions()).toBe("1.0 2.0 1.0 2.0");
    simulation.unpublished.clear();
    expect(await simulation.run(12 * HOURS, () => isDone(simulation, "agents"), check)).toBe(true);
    expect(versions()).toBe("2.0 2.0 2.0 2.0");
  }, 60_000);

  it("keep the servers' majority where two pools hold servers", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const simulation = cluster(5, 5, randomBy(seed));
        simulation.chances = { kill: 0.02, conflict: 0.2, silence: 0.02 };
        for (const zone of ["a", "b"]) {
          const rollout = { maxUnavailable: 5 };
          addPool(simulation, zone, { nodeSelector: { matchLabels: { zone } }, image: { version: "2.0" }, rollout });
        }
        const done = await simulation.run(12 * HOURS, () => isDone(simulation, "a", "b"), guard(simulation, []));
        expect(done).toBe(true);
      }),
      runs,
    );
  }, 120_000);

  it("stop at the first that comes back from a bad image, say why, and go on with the next one", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.constantFrom(1, 2), async (seed, maxUnavailable) => {
        const simulation = cluster(1, 9, randomBy(seed));
        simulation.chances = { kill: 0.01, conflict: 0.2, silence: 0.01 };
        simulation.broken.add("2.0");
        addPool(simulation, "agents", { ...AGENTS, image: { version: "2.0" }, rollout: { maxUnavailable } });
        const check = guard(simulation, ["agents"]);
        const isStalled = () => {
          const pool = poolIn(simulation, "agents");
          return conditionOf(pool, "Stalled")?.reason === "MachineFailed" && (pool.status?.turns ?? []).length === 0;
        };
        expect(await simulation.run(3 * HOURS, isStalled, check)).toBe(true);
        expect(conditionOf(poolIn(simulation, "agents"), "Stalled")?.message).toContain("k3s did not start");
        await simulation.run(HOURS, () => false, check);
        const tried = simulation.nodes.filter((node) => node.tried.length > 0);
        expect(tried.length).toBeLessThanOrEqual(maxUnavailable);
        expect(tried.every((node) => node.tried.length === 1 && node.version === "1.0")).toBe(true);
        // Another image.
        simulation.api.change(pathOf("pools", "agents"), { spec: { image: { version: "2.1" } } });
        expect(await simulation.run(12 * HOURS, () => isDone(simulation, "agents"), check)).toBe(true);
      }),
      runs,
    );
  }, 120_000);

  it("try a bad image again only when they are told to", async () => {
    const simulation = cluster(1, 3, randomBy(1));
    simulation.broken.add("2.0");
    addPool(simulation, "agents", { ...AGENTS, image: { version: "2.0" } });
    const stalled = () => conditionOf(poolIn(simulation, "agents"), "Stalled") !== undefined;
    expect(await simulation.run(3 * HOURS, stalled)).toBe(true);
    simulation.broken.clear();
    simulation.api.change(pathOf("pools", "agents"), { spec: { retry: "the disk was full" } });
    expect(await simulation.run(12 * HOURS, () => isDone(simulation, "agents"), guard(simulation, ["agents"]))).toBe(
      true,
    );
  }, 60_000);

  it("go around nodes that are not Ready, as far as the budget lets them", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const simulation = cluster(3, 7, randomBy(seed));
        simulation.chances = { kill: 0.01, conflict: 0.2, silence: 0.01 };
        const away = simulation.nodes.filter(({ name }) => name === "agent-3" || name === "agent-5");
        for (const node of away) simulation.setReady(node, false);
        const image = { version: "2.0" };
        addPool(simulation, "agents", { ...AGENTS, image, rollout: { maxUnavailable: 3 } });
        // Nobody can tell what these do while nobody hears them; they are upgraded as well.
        const done = () => simulation.nodes.every(({ server, version }) => server || version === "2.0");
        const names = away.map(({ name }) => name);
        const check = guard(simulation, ["agents"], names);
        const others = simulation.nodes.filter(({ name, server }) => !server && !names.includes(name));
        expect(
          await simulation.run(12 * HOURS, done, () => {
            // They are counted until they are back.
            const back = names.filter((name) => isReady(simulation.api.read(pathOf("nodes", name))));
            if (back.length === 0) check();
          }),
        ).toBe(true);
        expect(others.every(({ version }) => version === "2.0")).toBe(true);
      }),
      runs,
    );
  }, 120_000);

  it("are stopped by one that does not come back, without a takeover, until its Node is deleted", async () => {
    const simulation = cluster(1, 4, randomBy(7));
    addPool(simulation, "agents", { ...AGENTS, image: { version: "2.0" } });
    let lost: SimulatedNode | undefined;
    const isStalled = () => conditionOf(poolIn(simulation, "agents"), "Stalled")?.reason === "MachineLost";
    const check = guard(simulation, ["agents"]);
    expect(
      await simulation.run(6 * HOURS, isStalled, () => {
        check();
        if (lost !== undefined) return;
        lost = simulation.nodes.find(({ note }) => note.work?.stopping);
        if (lost !== undefined) simulation.kill(lost);
        // Nothing switches it on again.
        if (lost !== undefined) lost.armed = undefined;
      }),
    ).toBe(true);
    expect(poolIn(simulation, "agents").status?.turns?.map(({ machine }) => machine)).toEqual([lost?.name]);
    simulation.api.remove(pathOf("nodes", lost?.name ?? ""));
    simulation.api.remove(pathOf("machines", lost?.name ?? ""));
    expect(
      await simulation.run(6 * HOURS, () =>
        simulation.nodes.every((node) => node === lost || node.server || node.version === "2.0"),
      ),
    ).toBe(true);
  }, 60_000);

  it("restart one after the other when their pool says so, each once", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const simulation = cluster(1, 5, randomBy(seed));
        simulation.chances = { kill: 0.02, conflict: 0.2, silence: 0.02 };
        addPool(simulation, "agents", AGENTS);
        expect(await simulation.run(HOURS, () => isDone(simulation, "agents"))).toBe(true);
        simulation.api.change(pathOf("pools", "agents"), { spec: { restartedAt: "2026-11-29T03:00:00Z" } });
        // As soon as the pool says that it is Ready, it is: kubectl wait does not end early.
        expect(isDone(simulation, "agents")).toBe(false);
        expect(await simulation.run(6 * HOURS, () => isDone(simulation, "agents"), guard(simulation, ["agents"]))).toBe(
          true,
        );
        expect(simulation.nodes.map(({ restarts }) => restarts.length)).toEqual([0, 1, 1, 1, 1, 1]);
      }),
      runs,
    );
  }, 120_000);

  it("write nothing while nothing changes", async () => {
    const simulation = cluster(3, 5, randomBy(3));
    addPool(simulation, "servers", { ...SERVERS, image: { version: "1.0" } });
    addPool(simulation, "agents", AGENTS);
    await simulation.run(HOURS, () => false);
    const before = simulation.api.writes.length;
    await simulation.run(HOURS, () => false);
    expect(simulation.api.writes.slice(before)).toEqual([]);
  }, 60_000);
});
