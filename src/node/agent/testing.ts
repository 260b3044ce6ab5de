/** Test support: nodes without machines, on one clock, whose agents take steps in any order and are killed at any. */

import type { KindImage } from "../../image/index-json.ts";
import type { MachinePool } from "../../kubernetes/machine-pool.ts";
import { isoTime } from "../../kubernetes/time.ts";
import type { AgentNote, GivenUp, Work } from "../../management/observed.ts";
import { targetOf } from "../../management/target.ts";
import { runAgent } from "./agent.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { type MemoryApi, memoryApi } from "./memory-api.ts";
import type { OwnNode } from "./own-node.ts";
import { PATHS, pathOf } from "./watches.ts";

/** There are no MachineConfigs. */
export const noConfig: ClusterConfig = {
  view: async () => ({ wanted: {}, parts: {} }),
  apply: async () => {},
};

export const START = Date.UTC(2026, 10, 29);
const SECOND = 1000;

export interface SimulatedNode {
  readonly name: string;
  readonly server: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly flavour: string | undefined;
  /** How far its clock is ahead, in milliseconds. */
  readonly skew: number;
  version: string;
  staged?: string | undefined;
  armed?: string | undefined;
  trial: boolean;
  boots: number;
  /** Whether it is switched on, and its kubelet works. */
  running: boolean;
  note: AgentNote;
  refused: GivenUp[];
  /** Versions that were tried on it. */
  readonly tried: string[];
  readonly restarts: number[];
}

export interface Chances {
  /** That an agent is killed at a step. */
  readonly kill: number;
  /** That a write is told to be a conflict. */
  readonly conflict: number;
  /** That the API does not answer. */
  readonly silence: number;
}

export interface World {
  readonly api: SimulatedApi;
  readonly nodes: readonly SimulatedNode[];
  /** Milliseconds since 1970. */
  time(): number;
  /** Lets everything happen until `done`, at most until so many seconds have passed. Returns whether it is done. */
  run(seconds: number, done: () => boolean, check?: () => void): Promise<boolean>;
  /** Lets something happen later. */
  after(seconds: number, what: () => void): void;
  setReady(node: SimulatedNode, ready: boolean): void;
  /** Switches a node off for good. */
  kill(node: SimulatedNode): void;
  readonly broken: Set<string>;
  /** Flavours that the channel has no images of yet. */
  readonly unpublished: Set<string>;
  chances: Chances;
}

/** Images of two flavours differ, if these begin with different letters. */
export const digestOf = (version: string, flavour = "") => {
  const mark = flavour === "" ? "" : flavour.charCodeAt(0).toString(16);
  return `sha256:${`${version.replaceAll(/\D/g, "")}${mark}`.padStart(64, "0")}`;
};

export interface NodeSpec {
  readonly name: string;
  readonly server?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the image that runs. The channel has the images of all flavours that there are nodes of. */
  readonly flavour?: string;
  readonly skew?: number;
}

/** An API that may be somewhere else; `settled` waits until it has answered everything. */
export interface SimulatedApi extends MemoryApi {
  settled?(): Promise<void>;
}

/** `random` decides about the order of all steps. */
export function world(
  specs: readonly NodeSpec[],
  random: () => number,
  makeApi: (now: () => number) => SimulatedApi = (now) => memoryApi({ now }),
): World {
  let now = START;
  let chances: Chances = { kill: 0, conflict: 0, silence: 0 };
  const api = makeApi(() => now);
  const timers: { readonly at: number; readonly what: () => void }[] = [];
  const broken = new Set<string>();
  const unpublished = new Set<string>();
  /** Steps that could be taken now. */
  let ready: { readonly life: Life; readonly go: () => void }[] = [];

  interface Life {
    readonly node: SimulatedNode;
    dead: boolean;
  }
  const lives = new Map<SimulatedNode, Life>();

  const after = (seconds: number, what: () => void) => void timers.push({ at: now + seconds * SECOND, what });

  const nodes = specs.map(
    ({ name, server = false, labels = {}, flavour, skew = 0 }): SimulatedNode => ({
      ...{ name, server, labels, flavour, skew, version: "1.0", trial: false, boots: 1, running: true },
      ...{ note: { restarted: {}, retried: {}, givenUp: [] }, refused: [], tried: [], restarts: [] },
    }),
  );

  for (const node of nodes) {
    const roles = node.server
      ? { "node-role.kubernetes.io/control-plane": "true", "node-role.kubernetes.io/etcd": "true" }
      : {};
    api.put(pathOf("nodes", node.name), {
      ...{ apiVersion: "v1", kind: "Node" },
      metadata: { name: node.name, uid: `uid-${node.name}`, labels: { ...node.labels, ...roles } },
      status: statusOf(node, true),
    });
    live(node);
  }

  function statusOf(node: SimulatedNode, isReady: boolean) {
    return {
      conditions: [{ type: "Ready", status: isReady ? "True" : "False" }],
      nodeInfo: { bootID: `${node.name}-${node.boots}`, kubeletVersion: "v1.37.2" },
    };
  }

  function setReady(node: SimulatedNode, isReady: boolean): void {
    api.change(pathOf("nodes", node.name), { status: statusOf(node, isReady) });
  }

  /** Takes its turn among all steps. An agent that was killed never goes on. */
  function step(life: Life): Promise<void> {
    return new Promise((resolve) => void ready.push({ life, go: resolve }));
  }

  async function sleep(life: Life, milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => after(milliseconds / SECOND, resolve));
    await step(life);
  }

  /** Starts the agent of a node. */
  function live(node: SimulatedNode): void {
    const life: Life = { node, dead: false };
    lives.set(node, life);
    const faults = {
      async before({ method, path }: { readonly method: string; readonly path: string }) {
        await step(life);
        if (random() < chances.silence) return { status: 0, body: undefined, reason: "nothing answers" };
        const isPool = method === "PATCH" && path.startsWith(PATHS.pools);
        return isPool && random() < chances.conflict ? { status: 409, body: undefined, reason: "conflict" } : undefined;
      },
      after: () => step(life),
    };
    const wait = async (milliseconds: number, changed: Promise<void>) => {
      await Promise.race([changed, new Promise<void>((resolve) => after(milliseconds / SECOND, resolve))]);
      await step(life);
    };
    const [client, watches] = [api.client(node.name, faults), api.watches(node.name, wait)];
    const end = () => {
      if (!life.dead) stopLife(node, 10);
    };
    runAgent({ own: own(life), client, watches }).then(end, (error) => {
      throw error;
    });
  }

  /** Ends the agent of a node; its supervisor starts it again. */
  function stopLife(node: SimulatedNode, restartS: number | undefined): void {
    const life = lives.get(node);
    if (life !== undefined) life.dead = true;
    lives.delete(node);
    ready = ready.filter((one) => one.life !== life);
    if (restartS !== undefined) {
      after(restartS, () => {
        if (node.running && !lives.has(node)) live(node);
      });
    }
  }

  function shutDown(node: SimulatedNode): void {
    node.running = false;
    stopLife(node, undefined);
    // Others learn of it late.
    after(40, () => !node.running && setReady(node, false));
  }

  function reboot(node: SimulatedNode): void {
    shutDown(node);
    node.restarts.push(now);
    after(20 + 60 * random(), () => powerOn(node));
  }

  function powerOn(node: SimulatedNode): void {
    node.boots++;
    node.running = true;
    const { armed } = node;
    if (armed === undefined) {
      healthy(node);
      return;
    }
    node.armed = undefined;
    node.trial = true;
    node.tried.push(armed);
    const before = node.version;
    node.version = armed;
    if (!broken.has(armed)) {
      healthy(node);
      after(60, () => {
        node.trial = false;
      });
      return;
    }
    live(node);
    after(300, () => {
      node.trial = false;
      node.version = before;
      node.refused = [...node.refused, { key: digestOf(armed, node.flavour), message: "k3s did not start", at: now }];
      reboot(node);
    });
  }

  function healthy(node: SimulatedNode): void {
    live(node);
    after(15, () => node.running && setReady(node, true));
  }

  function own(life: Life): OwnNode {
    const { node } = life;
    const clock = () => now + node.skew;
    return {
      name: node.name,
      now: clock,
      uptime: () => now,
      sleep: (milliseconds) => sleep(life, milliseconds),
      random,
      isClockTrusted: async () => true,
      window: async () => undefined,
      async local() {
        return {
          ...{ bootId: `${node.name}-${node.boots}`, hasSlots: true, slots: slotsOf(node), onTrial: node.trial },
          ...{ image: { version: node.version, digest: digestOf(node.version, node.flavour) }, note: node.note },
          kind: { architecture: "amd64", flavour: node.flavour },
          ...{ staged: node.staged && digestOf(node.staged, node.flavour), refused: node.refused },
        };
      },
      writeNote(note) {
        if (!life.dead) node.note = note;
      },
      async lookUp({ spec, status }: MachinePool) {
        await step(life);
        const { version = "2.0", channel } = spec.image ?? {};
        const imageFor = (flavour: string | undefined): KindImage => ({
          ...{ version, digest: digestOf(version, flavour), architecture: "amd64", kubernetes: "v1.37.2" },
          ...(flavour !== undefined && { flavour }),
        });
        const flavours = [...new Set(nodes.map(({ flavour }) => flavour))].filter((one) => !unpublished.has(one ?? ""));
        const kind = { architecture: "amd64", flavour: node.flavour };
        const { kubernetes: _, ...target } = targetOf(flavours.map(imageFor), kind, status?.target?.digest);
        return { ...target, ...(channel !== undefined && { channel }), resolvedAt: isoTime(clock()) };
      },
      async stage({ version, digest }) {
        if (digest !== digestOf(version, node.flavour)) throw new Error(`${node.name} is told to stage ${digest}`);
        await sleep(life, 30_000 * random());
        node.staged = version;
        await step(life);
      },
      async arm({ version }) {
        await step(life);
        node.armed = version;
        await step(life);
      },
      async restart(_: Work) {
        await step(life);
        reboot(node);
        await new Promise(() => {});
      },
      async forgetRefused() {
        await step(life);
        node.refused = [];
      },
      config: noConfig,
      log() {},
    };
  }

  return {
    ...{ api, nodes, broken, unpublished, setReady, after },
    time: () => now,
    kill: shutDown,
    get chances() {
      return chances;
    },
    set chances(value) {
      chances = value;
    },
    async run(seconds, done, check = () => {}) {
      const end = now + seconds * SECOND;
      for (;;) {
        // Everything that needs nothing but itself goes on first.
        await new Promise((resolve) => setImmediate(resolve));
        await api.settled?.();
        check();
        if (done()) return true;
        const at = Math.floor(random() * ready.length);
        const next = ready[at];
        if (next !== undefined) {
          ready.splice(at, 1);
          if (next.life.dead) continue;
          if (random() < chances.kill) stopLife(next.life.node, 10);
          else next.go();
          continue;
        }
        timers.sort((a, b) => a.at - b.at);
        const [timer] = timers;
        if (timer === undefined || timer.at > end) return false;
        timers.shift();
        now = Math.max(now, timer.at);
        timer.what();
      }
    },
  };
}

function slotsOf({ version, flavour, staged, refused }: SimulatedNode) {
  const running = { name: "a", version, digest: digestOf(version, flavour), state: "Running" as const };
  if (staged === undefined) return [running];
  const digest = digestOf(staged, flavour);
  const state = refused.some(({ key }) => key === digest) ? ("Failed" as const) : ("Staged" as const);
  return [running, { name: "b", version: staged, digest, state }];
}
