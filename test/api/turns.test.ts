import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { nodeHost } from "../../src/host/node.ts";
import type { ObjectList } from "../../src/kubernetes/meta.ts";
import { firstPools } from "../../src/management/crds/index.ts";
import { ensureApi } from "../../src/node/agent/install.ts";
import {
  AGENTS,
  addPool,
  cluster,
  conditionOf,
  guard,
  isDone,
  poolIn,
  randomBy,
  SERVERS,
} from "../../src/node/agent/turns.cases.ts";
import { PATHS, pathOf } from "../../src/node/agent/watches.ts";
import { eventually } from "../vm/support/eventually.ts";
import { administrator, nodeCalled } from "./support/api.ts";
import { realApi } from "./support/simulated.ts";

const admin = administrator();
const HOURS = 3600;

async function removeAll(): Promise<void> {
  for (const path of [PATHS.pools, PATHS.machines, PATHS.nodes]) {
    const { body } = await admin.get<ObjectList<{ metadata: { name: string } }>>(path);
    for (const { metadata } of body?.items ?? []) await admin.delete(`${path}/${metadata.name}`);
  }
}

beforeEach(async () => {
  await ensureApi(admin, nodeHost);
  // Access is granted a moment after it was written.
  await eventually(async () => expect((await nodeCalled("probe").get(PATHS.pools)).reason).toBe(""), 30);
  await removeAll();
}, 60_000);

afterAll(async () => {
  await removeAll();
  for (const pool of firstPools()) await admin.post(PATHS.pools, pool);
}, 60_000);

/** As src/node/agent/turns.test.ts, with the server's own compare-and-swap, definitions, rights and policies. */
describe("agents at a real API server", () => {
  it("upgrade all their nodes within every budget, servers first", async () => {
    const simulation = cluster(3, 7, randomBy(1), realApi);
    simulation.chances = { kill: 0.01, conflict: 0.1, silence: 0.01 };
    const image = { version: "2.0" };
    addPool(simulation, "servers", { ...SERVERS, image });
    addPool(simulation, "agents", { ...AGENTS, image, rollout: { maxUnavailable: 2, after: [{ pool: "servers" }] } });
    const pools = ["servers", "agents"];
    await simulation.api.settled?.();
    const done = await simulation.run(12 * HOURS, () => isDone(simulation, ...pools), guard(simulation, pools));
    expect(done).toBe(true);
    expect(simulation.nodes.map(({ version, tried }) => [version, tried.length])).toEqual(Array(10).fill(["2.0", 1]));
  }, 240_000);

  it("keep the servers' majority where two pools hold servers", async () => {
    const simulation = cluster(5, 0, randomBy(2), realApi);
    simulation.chances = { kill: 0.02, conflict: 0.1, silence: 0.01 };
    for (const zone of ["a", "b"]) {
      const rollout = { maxUnavailable: 5 };
      addPool(simulation, zone, { nodeSelector: { matchLabels: { zone } }, image: { version: "2.0" }, rollout });
    }
    await simulation.api.settled?.();
    expect(await simulation.run(12 * HOURS, () => isDone(simulation, "a", "b"), guard(simulation, []))).toBe(true);
  }, 240_000);

  it("stop at the first that comes back, until there is another image", async () => {
    const simulation = cluster(1, 4, randomBy(3), realApi);
    simulation.broken.add("2.0");
    addPool(simulation, "agents", { ...AGENTS, image: { version: "2.0" } });
    await simulation.api.settled?.();
    const check = guard(simulation, ["agents"]);
    const isStalled = () => conditionOf(poolIn(simulation, "agents"), "Stalled")?.reason === "MachineFailed";
    expect(await simulation.run(3 * HOURS, isStalled, check)).toBe(true);
    expect(simulation.nodes.filter(({ tried }) => tried.length > 0)).toHaveLength(1);
    simulation.api.change(pathOf("pools", "agents"), { spec: { image: { version: "2.1" } } });
    await simulation.api.settled?.();
    expect(await simulation.run(12 * HOURS, () => isDone(simulation, "agents"), check)).toBe(true);
  }, 240_000);
});
