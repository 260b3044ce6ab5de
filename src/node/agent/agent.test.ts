import { describe, expect, it } from "vitest";
import type { Host } from "../../host/host.ts";
import type { MemoryHost } from "../../host/memory.ts";
import type { Machine } from "../../kubernetes/machine.ts";
import type { MachinePool, MachinePoolSpec } from "../../kubernetes/machine-pool.ts";
import type { NodeObject } from "../../kubernetes/node.ts";
import { readJournal } from "../slots/journal.ts";
import { stageImage } from "../slots/stage.ts";
import { contentOf, FULL, imageOf, installedDisk, PLACES, powerOn, publishImage } from "../slots/testing.ts";
import { commitTrial, isTrial, returnFromTrial } from "../slots/trial.ts";
import { restartIntoTrial, restartMachine, upgrade } from "../upgrade/upgrade.ts";
import { Conflict, Restarting } from "./act.ts";
import { takeStep } from "./agent.ts";
import { newMemory } from "./memory.ts";
import { type MemoryApi, memoryApi } from "./memory-api.ts";
import { readNote } from "./note.ts";
import { ownNode } from "./own-node.ts";
import { noConfig } from "./testing.ts";
import { pathOf } from "./watches.ts";

const NODE = pathOf("nodes", "a");
const MACHINE = pathOf("machines", "a");
const POOL = pathOf("pools", "all");
const podPath = (name: string) => `/api/v1/namespaces/default/pods/${name}`;

class Killed extends Error {}

interface Rig {
  readonly host: MemoryHost;
  readonly api: MemoryApi;
  pid: number;
  boots: number;
  /** How many more changes of the host or the API the agent makes before it is killed. */
  left: number;
  kills: number;
  readonly verdict: "keep" | "give up";
}

async function rig(
  spec: MachinePoolSpec,
  verdict: Rig["verdict"] = "keep",
  left = Number.POSITIVE_INFINITY,
): Promise<Rig> {
  const host = await installedDisk();
  const api = memoryApi({ now: () => host.now() });
  const made: Rig = { host, api, pid: 100, boots: 1, left, kills: 0, verdict };
  for (const directory of ["/proc/sys/kernel/random", "/var/lib/rancher/k3os", "/www/channels"]) host.mkdir(directory);
  host.write("/proc/sys/kernel/random/boot_id", "boot-1\n");
  host.write("/proc/sys/kernel/hostname", "a\n");
  host.write("/dev/kmsg", "");
  host.write("/run/k3os/mode", "local\n");
  const { exec, readText } = host;
  host.readText = (path) => (path === "/proc/uptime" ? `${60 + host.monotonic() / 1000} 10.00\n` : readText(path));
  host.exec = async (argv, options) => {
    if (argv[0] !== "openrc-shutdown") return exec(argv, options);
    reboot(made);
    return { status: 0, stdout: "", stderr: "" };
  };
  publishImage(host, "2.0", "2027-12-06T00:00:00Z");
  api.put(NODE, { metadata: { name: "a", uid: "uid-a" }, ...nodeStatus(made) });
  api.put(pathOf("nodes", "b"), { metadata: { name: "b", uid: "uid-b" }, ...nodeStatus(made) });
  api.put(podPath("web"), {
    metadata: { name: "web", namespace: "default", ownerReferences: [owner("ReplicaSet")] },
    spec: { nodeName: "a" },
  });
  api.put(POOL, { metadata: { name: "all" }, spec });
  return made;
}

const owner = (kind: string) => ({ apiVersion: "apps/v1", kind, name: "web", uid: "1", controller: true });

const nodeStatus = ({ boots }: Rig) => ({
  status: { conditions: [{ type: "Ready", status: "True" }], nodeInfo: { bootID: `boot-${boots}` } },
});

/** Starts what the boot menu chooses. The kubelet tells of it. */
function reboot(state: Rig): void {
  const { host, api } = state;
  powerOn(host);
  host.write("/run/k3os/mode", "local\n");
  host.write("/proc/sys/kernel/random/boot_id", `boot-${++state.boots}\n`);
  api.change(NODE, nodeStatus(state));
}

/** What changes something. A kill before anything else is one before the next of these. */
const CHANGES = ["write", "poke", "append", "mkdir", "remove", "rename", "symlink", "chmod", "chown", "exec", "spawn"];

/** One process of the agent. Once it is killed, nothing that it still calls has an effect, or an end. */
function process(state: Rig) {
  let dead = false;
  let die = () => {};
  const killed = new Promise<"killed">((resolve) => {
    die = () => {
      dead = true;
      resolve("killed");
    };
  });
  const never = () => new Promise<never>(() => {});
  const lives = (isChange: boolean) => {
    if (!dead && isChange && state.left-- <= 0) die();
    return !dead;
  };
  const entries = Object.entries(state.host).map(([name, value]) => {
    if (typeof value !== "function") return [name, value];
    const call = (...args: unknown[]) => {
      if (lives(CHANGES.includes(name))) return (value as (...args: unknown[]) => unknown)(...args);
      if (name === "exec" || name === "sleep") return never();
      throw new Killed();
    };
    return [name, call];
  });
  const spend = async ({ method }: { readonly method: string }) => (lives(method !== "GET") ? undefined : never());
  const client = state.api.client("a", { before: spend, after: async (request) => void (await spend(request)) });
  return { host: Object.fromEntries(entries) as Host, client, killed };
}

const config = { k3os: { upgrade: { unsigned: true, source: "/www" } } };

const tools = async () => ({ upgrade, restartIntoTrial, restartMachine, loadConfig: () => ({ config }) });

/** One process of an agent whose clock may be ahead. `walk` takes steps until it waits for something. */
function agentOf(state: Rig) {
  const { host, client } = process(state);
  const clock = { ahead: 0 };
  const own = {
    ...ownNode({ ...host, now: () => host.now() + clock.ahead }, tools),
    ...{ config: noConfig, random: () => 0.5 },
  };
  const watches = state.api.watches("a", async () => {});
  const memory = newMemory();
  const walk = async () => {
    for (let steps = 0; steps < 100; steps++) {
      if ((await takeStep({ own, client, watches }, memory)) > 0) return;
    }
    throw new Error("it goes in circles");
  };
  return { clock, walk };
}

/** Starts the agent, and takes steps until it has nothing to do, or the machine restarts. Returns which it was. */
async function live(state: Rig): Promise<"idle" | "restart" | "killed"> {
  const { api } = state;
  // Another process.
  state.host.remove(`/proc/${state.pid}`);
  state.host.mkdir(`/proc/${++state.pid}`);
  state.host.write(`/proc/${state.pid}/stat`, `${state.pid} (qjs) S ${"0 ".repeat(30)}\n`);
  state.host.symlink(`${state.pid}`, "/proc/self");
  const boots = state.boots;
  const { host, client, killed } = process(state);
  const work = async (): Promise<"idle" | "restart" | "killed"> => {
    const own = { ...ownNode(host, tools), config: noConfig, random: () => 0.5 };
    const watches = api.watches("a", async () => {});
    const memory = newMemory();
    let [writes, quiet] = [0, 0];
    for (let steps = 0; steps < 2000; steps++) {
      try {
        const pause = await takeStep({ own, client, watches }, memory);
        quiet = api.writes.length === writes ? quiet + 1 : 0;
        writes = api.writes.length;
        if (quiet > 12 && (isTrial(state.host) || readNote(state.host).work === undefined)) return "idle";
        await state.host.sleep(pause);
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw new Error("it goes in circles");
  };
  const end = await Promise.race([killed, work()]).catch((error) => {
    if (error instanceof Killed) return "killed" as const;
    if (error instanceof Restarting) return "restart" as const;
    throw error;
  });
  if (end === "killed") {
    state.kills++;
    state.left = Number.POSITIVE_INFINITY;
  }
  return state.boots === boots ? end : "restart";
}

/** Lets the node live until nothing is left to do. */
async function settle(state: Rig): Promise<Rig> {
  for (let lives = 0; lives < 12; lives++) {
    const end = await live(state);
    if (isTrial(state.host)) {
      await state.host.sleep(20_000);
      // As the supervisor of the trial does it.
      if (state.verdict === "keep") await commitTrial(state.host, { readyAt: state.host.now() });
      else {
        await returnFromTrial(state.host, "k3s did not start");
        reboot(state);
      }
    } else if (end === "idle") return state;
  }
  throw new Error("it never comes to an end");
}

/** Where it all ends, without times. */
function endOf({ host, api, boots }: Rig) {
  const machine = api.read<Machine>(MACHINE).status;
  const pool = api.read<MachinePool>(POOL).status;
  const words = (
    conditions: Machine["status"] extends infer S ? NonNullable<S>["conditions" & keyof NonNullable<S>] : never,
  ) =>
    (conditions as readonly { type: string; status: string; reason: string; message: string }[] | undefined)?.map(
      ({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`,
    );
  const { candidate, refused, last } = readJournal(host, PLACES.state);
  const { imageFrom, work, restarted, givenUp } = readNote(host);
  return {
    machine: {
      ...machine,
      conditions: words(machine?.conditions),
      boot: undefined,
      slots: machine?.slots?.map(({ at: _, ...slot }) => slot),
    },
    pool: { ...pool, conditions: words(pool?.conditions), target: pool?.target?.version },
    node: { spec: api.read<NodeObject>(NODE).spec, annotations: api.read<NodeObject>(NODE).metadata.annotations },
    journal: { candidate, refused: refused.map(({ version, reason }) => [version, reason]), last: last?.result },
    note: { imageFrom, work, restarted, givenUp },
    slots: [contentOf(host, "a"), contentOf(host, "b")],
    boots,
  };
}

const image: MachinePoolSpec = { image: { version: "2.0" } };

describe("the agent of a node", () => {
  it("makes its Machine, which goes with its Node", async () => {
    const state = await settle(await rig({}));
    expect(state.api.read<Machine>(MACHINE)).toMatchObject({
      metadata: { ownerReferences: [{ kind: "Node", name: "a", uid: "uid-a" }] },
      status: { pool: "all", image: { version: "1.0" }, slots: [{ name: "a", state: "Running" }] },
    });
    expect(endOf(state).machine.conditions).toEqual(["Ready=True UpToDate: as the pool all wants it"]);
  });

  it("upgrades its node as the pool says: drained, in its turn, on trial, kept", async () => {
    const state = await settle(await rig(image));
    const end = endOf(state);
    expect(end).toMatchObject({
      machine: { image: { version: "2.0" }, conditions: ["Ready=True UpToDate: as the pool all wants it: 2.0"] },
      pool: {
        target: "2.0",
        machines: 1,
        updated: 1,
        turns: [],
        conditions: ["Ready=True UpToDate: 1 of 1 is at 2.0"],
      },
      note: { imageFrom: "all", work: undefined },
      boots: 2,
    });
    expect(end.node).toEqual({ spec: {}, annotations: {} });
    expect(state.api.list("/api/v1/pods")).toEqual([]);
    expect(state.api.read<Machine>(MACHINE).status?.boot?.downtimeSeconds).toBeGreaterThan(0);
  });

  it("says why it came back, and at which stage, and gives its turn back", async () => {
    const state = await settle(await rig(image, "give up"));
    expect(endOf(state)).toMatchObject({
      machine: {
        image: { version: "1.0" },
        slots: [
          { name: "a", state: "Running" },
          { name: "b", state: "Failed", message: "k3s did not start" },
        ],
        conditions: [
          "Ready=False Returned: 2.0 was given up here: k3s did not start",
          "Stalled=True Returned: 2.0 was given up here: k3s did not start",
        ],
      },
      pool: {
        failed: 1,
        turns: [],
        conditions: [
          expect.stringContaining("MachineFailed: a: 2.0 was given up"),
          expect.stringContaining("Stalled=True"),
        ],
      },
      node: { spec: {}, annotations: {} },
      boots: 3,
    });
  });

  it("asks the channel again soon if it was away while the clock was ahead", async () => {
    const state = await rig(image);
    const { clock, walk } = agentOf(state);
    clock.ahead = 300 * 86_400_000;
    state.host.rename("/www", "/away");
    await walk();
    state.host.rename("/away", "/www");
    clock.ahead = 0;
    await walk();
    expect(readJournal(state.host, PLACES.state).candidate).toMatchObject({ version: "2.0", phase: "staged" });
  });

  it("gives no drain up because the clock was set ahead after it began", async () => {
    const state = await rig(image);
    state.api.change(podPath("web"), { metadata: { annotations: { "test/budget": "web-pdb" } } });
    const { clock, walk } = agentOf(state);
    await walk();
    clock.ahead = 300 * 86_400_000;
    await walk();
    expect(endOf(state)).toMatchObject({ note: { givenUp: [], work: { drain: true } } });
  });

  it("goes on with an image that an upgrade by hand has staged, and was killed before it was noted", async () => {
    const state = await rig({});
    const { walk } = agentOf(state);
    await walk();
    await stageImage(state.host, PLACES, imageOf(state.host, "2.0"), FULL);
    state.api.change(POOL, { spec: image });
    await walk();
    expect(readNote(state.host).work).toMatchObject({ reason: "Image" });
  });

  it("tries it once more when retry says so", async () => {
    const state = await settle(await rig(image, "give up"));
    state.api.change(POOL, { spec: { retry: "now" } });
    await settle({ ...state, verdict: "keep" });
    expect(endOf(state).machine.image).toMatchObject({ version: "2.0" });
  });

  it("restarts once for each new restartedAt", async () => {
    const state = await settle(await rig({}));
    state.api.change(POOL, { spec: { restartedAt: "2026-11-30T00:00:00Z" } });
    await settle(state);
    await settle(state);
    expect(endOf(state)).toMatchObject({
      boots: 2,
      pool: { turns: [] },
      note: { restarted: { pool: "2026-11-30T00:00:00Z" } },
    });
  });

  it("gives up a drain that a budget never allows, names the budget, and undoes its cordon", async () => {
    const state = await rig(image);
    state.api.change(podPath("web"), { metadata: { annotations: { "test/budget": "web-pdb" } } });
    await settle(state);
    expect(endOf(state)).toMatchObject({
      machine: {
        conditions: [
          expect.stringContaining("default/web (PodDisruptionBudget web-pdb)"),
          expect.stringContaining("Stalled=True Failed"),
        ],
      },
      pool: { turns: [], conditions: [expect.stringContaining("MachineFailed"), expect.anything()] },
      node: { spec: {}, annotations: {} },
      boots: 1,
    });
  });

  it("leaves a cordon of others alone", async () => {
    const state = await rig(image);
    state.api.change(NODE, { spec: { unschedulable: true } });
    await settle(state);
    expect(endOf(state)).toMatchObject({
      machine: { image: { version: "2.0" } },
      node: { spec: { unschedulable: true } },
    });
  });

  it("does not drain a node that is alone", async () => {
    const state = await rig(image);
    state.api.remove(pathOf("nodes", "b"));
    await settle(state);
    expect(endOf(state).machine.image).toMatchObject({ version: "2.0" });
    expect(state.api.list("/api/v1/pods")).toHaveLength(1);
    expect(state.api.writes.filter((write) => write.includes("/nodes/"))).toEqual([]);
  });

  it.each(["keep", "give up"] as const)(
    "ends the same wherever it is killed, if the trial ends with: %s",
    async (verdict) => {
      const expected = endOf(await settle(await rig(image, verdict)));
      let nth = 0;
      for (let killed = true; killed; nth++) {
        const state = await settle(await rig(image, verdict, nth));
        killed = state.kills > 0;
        expect(endOf(state), `killed before change ${nth}`).toEqual(expected);
      }
      expect(nth).toBeGreaterThan(100);
    },
    120_000,
  );
});
