import { K3osError } from "../../errors.ts";
import { HostError } from "../../host/host.ts";
import { ChannelError } from "../../image/index-json.ts";
import type { Machine, MachineStatus } from "../../kubernetes/machine.ts";
import type { MachinePool, Turn } from "../../kubernetes/machine-pool.ts";
import { mergePatch } from "../../kubernetes/merge-patch.ts";
import { type Action, CORDONED } from "../../management/decision.ts";
import type { AgentNote, LocalState, Observed, Work } from "../../management/observed.ts";
import { hasTarget } from "../../management/status.ts";
import { configKey } from "../../management/summary.ts";
import { reasonOf } from "../failure.ts";
import { ApiTrouble, bodyOf } from "./answer.ts";
import { drainOnce } from "./drain.ts";
import { type AgentMemory, outdate } from "./memory.ts";
import { type AgentTools, readCluster } from "./observe.ts";
import type { OwnNode } from "./own-node.ts";
import { PATHS, pathOf } from "./watches.ts";

/** Between two passes of a drain. */
const DRAIN_EVERY_MS = 5000;
/** How many changes that were given up are remembered. */
const REMEMBERED = 8;

/** The machine is about to stop; whoever gets this does nothing more. */
export class Restarting extends Error {}

/** Somebody else has changed the object in between: look again. */
export class Conflict extends Error {}

type Does<Kind extends Action["kind"]> = (
  action: Extract<Action, { readonly kind: Kind }>,
  tools: AgentTools,
  memory: AgentMemory,
  observed: Observed,
) => Promise<void>;

const ACTIONS: { readonly [Kind in Action["kind"]]: Does<Kind> } = {
  async Nothing() {},

  async CreateMachine({ nodeUid }, { client, own }, memory) {
    const owner = { apiVersion: "v1", kind: "Node", name: own.name, uid: nodeUid };
    const machine = {
      ...{ apiVersion: "k3os.io/v1alpha1", kind: "Machine" },
      metadata: { name: own.name, ownerReferences: [owner] },
    };
    const made = await client.post<Machine>(PATHS.machines, machine);
    // The watch has not told it yet.
    const found = made.status === 409 ? await client.get<Machine>(pathOf("machines", own.name)) : made;
    memory.written.set("machine", { object: bodyOf(found), at: own.now() });
  },

  async ReadCluster(_, tools, memory) {
    memory.cluster = await readCluster(tools);
  },

  async ResolveTarget({ pool: name }, { client, own }, memory, { pools }) {
    const pool = bodyOf(await client.get<MachinePool>(pathOf("pools", name)));
    const { target: before } = pool.status ?? {};
    const seen = pools.find(({ metadata }) => metadata.name === name)?.status?.target;
    if (hasTarget(pool) && before?.resolvedAt !== seen?.resolvedAt) {
      // Another agent has just done it.
      memory.written.set(`pools/${name}`, { object: pool, at: own.now() });
      return;
    }
    const target = await own.lookUp(pool);
    // An hour later only the time has changed: it says that the channel still says so.
    const status = mergePatch({ target: before }, { target });
    if (status === undefined) return;
    await patchPool({ client, own }, memory, pool, status);
    if (!hasTarget(pool)) own.log(`the pool ${name} wants ${target.version}`);
  },

  async WritePoolStatus({ pool, status }, { client, own }, memory) {
    const { name } = pool.metadata;
    const patch = status && mergePatch(pool.status ?? {}, status);
    if (patch !== undefined) await patchPool({ client, own }, memory, pool, patch);
    const unchanged = patch === undefined ? (memory.summarised[name]?.unchanged ?? 0) + 1 : 0;
    memory.summarised[name] = { at: own.now(), word: memory.state?.word ?? "", unchanged };
  },

  async WriteConfigStatus({ config, word, status }, { client, own }, memory) {
    const { name, resourceVersion } = config.metadata;
    const patch = status && mergePatch(config.status ?? {}, status);
    // Compared, so that of two agents the one that has seen less does not have the last word.
    const body = { metadata: { resourceVersion }, status: patch };
    if (patch !== undefined) {
      requireNoConflict(await client.patch(`${pathOf("configs", name)}/status`, body, "merge"));
    }
    const unchanged = patch === undefined ? (memory.summarised[configKey(name)]?.unchanged ?? 0) + 1 : 0;
    memory.summarised[configKey(name)] = { at: own.now(), word, unchanged };
  },

  async NoteImageFrom({ pool }, { own }, _, { local }) {
    own.writeNote({ ...local.note, imageFrom: pool });
  },

  async Forget({ retried }, { own }, memory, { local }) {
    await own.forgetRefused();
    own.writeNote({ ...local.note, givenUp: [], retried });
    memory.setbacks = {};
  },

  async Label({ patch }, { client, own }) {
    bodyOf(await client.patch(pathOf("nodes", own.name), patch, "merge"));
    own.log("the labels of the node follow its config");
  },

  async Stage({ image }, { own }) {
    await own.stage(image);
    own.log(`${image.version} is staged`);
  },

  async TakeTurn({ pool, turn }, { client, own }, memory) {
    // Also in place of a turn that a Node of this name had before it was made anew.
    const turns = [...turnsBut(pool, own.name), turn];
    await patchPool({ client, own }, memory, pool, { turns });
    own.log(`it has its turn in the pool ${pool.metadata.name}: ${turn.reason}`);
  },

  async GiveTurnBack({ pool: name }, { client, own }, memory) {
    const answer = await client.get<MachinePool>(pathOf("pools", name));
    if (answer.status === 404) return;
    const pool = bodyOf(answer);
    const turns = turnsBut(pool, own.name);
    if (turns.length === pool.status?.turns?.length) {
      memory.written.set(`pools/${name}`, { object: pool, at: own.now() });
      return;
    }
    await patchPool({ client, own }, memory, pool, { turns });
    own.log(`it has given its turn in the pool ${name} back`);
  },

  async Begin({ work }, { own }, memory, { local }) {
    memory.draining = undefined;
    noteWork(own, local.note, work);
  },

  async Cordon(_, { client, own }, __, { node }) {
    const body = {
      metadata: { resourceVersion: node?.metadata.resourceVersion, annotations: { [CORDONED]: "" } },
      spec: { unschedulable: true },
    };
    // Compared, so that a cordon that somebody else has just set is not taken for an own one.
    requireNoConflict(await client.patch(pathOf("nodes", own.name), body, "merge"));
    own.log("the node is cordoned");
  },

  async Drain({ work }, { client, own }, memory, { local }) {
    memory.draining = await drainOnce(client, own.name);
    if (memory.draining === undefined) return noteWork(own, local.note, { ...work, drained: true });
    const until = own.now() + DRAIN_EVERY_MS;
    memory.setbacks.Drain = { key: work.key, message: memory.draining, lasting: false, until, times: 1 };
  },

  async Activate({ work }, { own }, _, { local }) {
    const { image } = work;
    if (image === undefined) throw new Error("it has no image to activate");
    await arm(own, local, work, () => own.arm(image));
  },

  async Restart({ work }, { own }, _, { local }) {
    noteWork(own, local.note, { ...work, stopping: true });
    await stop({ own }, work);
  },

  async ApplyLive({ revision }, { own }) {
    await own.config.apply(revision, "Live");
  },

  async RestartK3s({ work }, { own }) {
    await own.config.apply(work.key, "Restart");
  },

  async ActivateConfig({ work }, { own }, _, { local }) {
    await arm(own, local, work, () => own.config.apply(work.key, "Reboot"));
  },

  async Uncordon(_, { client, own }) {
    const body = { metadata: { annotations: { [CORDONED]: null } }, spec: { unschedulable: null } };
    bodyOf(await client.patch(pathOf("nodes", own.name), body, "merge"));
    own.log("the node is not cordoned any more");
  },

  async End({ work, done, givenUp }, { own }, memory, { local, now }) {
    // Not by a restart of k3s only.
    const hasRestarted = done && work.bootId !== local.bootId;
    const { work: _, ...note } = local.note;
    const failed = givenUp === undefined ? [] : [{ key: work.key, message: givenUp, at: now }];
    memory.draining = undefined;
    memory.setbacks = {};
    own.writeNote({
      ...note,
      ...(hasRestarted && { restarted: { ...note.restarted, ...work.restarted } }),
      givenUp: [...note.givenUp.filter(({ key }) => key !== work.key), ...failed].slice(-REMEMBERED),
    });
    for (const { message } of failed) own.log(`it was given up: ${message}`);
  },
};

/** Makes the next boot a trial, and restarts into it. */
async function arm(own: OwnNode, { note, bootId }: LocalState, work: Work, make: () => Promise<void>): Promise<void> {
  // Before: once it is armed, a restart by whomever tries it. It may be armed anew in another boot than the first time.
  noteWork(own, note, { ...work, stopping: true, bootId });
  try {
    await make();
  } catch (error) {
    if (work.stopping !== true || work.bootId !== bootId) noteWork(own, note, work);
    throw error;
  }
  await stop({ own }, work);
}

/**
 * Takes one step. Each can be taken twice, so a kill at any point only means that it is taken again. Throws `Conflict`,
 * `Restarting`, `ApiTrouble`, or why the step has failed.
 */
export function act(action: Action, tools: AgentTools, memory: AgentMemory, observed: Observed): Promise<void> {
  const does = ACTIONS[action.kind] as Does<Action["kind"]>;
  return does(action, tools, memory, observed);
}

/** Writes the status of the own Machine. */
export async function tell(
  { client, own }: AgentTools,
  memory: AgentMemory,
  machine: Machine,
  status: MachineStatus,
): Promise<void> {
  const patch = mergePatch(machine.status ?? {}, status);
  const answer = await client.patch<Machine>(`${pathOf("machines", own.name)}/status`, { status: patch }, "merge");
  if (answer.status === 404) memory.written.delete("machine");
  memory.written.set("machine", { object: bodyOf(answer), at: own.now() });
  memory.toldAt = own.now();
}

async function stop({ own }: Pick<AgentTools, "own">, work: Work): Promise<never> {
  await own.restart(work);
  throw new Restarting();
}

function noteWork(own: AgentTools["own"], note: AgentNote, work: Work): void {
  own.writeNote({ ...note, work });
}

function turnsBut({ status }: MachinePool, name: string): readonly Turn[] {
  return (status?.turns ?? []).filter(({ machine }) => machine !== name);
}

/** A compare-and-swap of a pool's status. */
async function patchPool(
  { client, own }: Pick<AgentTools, "client" | "own">,
  memory: AgentMemory,
  { metadata }: MachinePool,
  status: unknown,
): Promise<void> {
  outdate(memory);
  const body = { metadata: { resourceVersion: metadata.resourceVersion }, status };
  const answer = await client.patch<MachinePool>(`${pathOf("pools", metadata.name)}/status`, body, "merge");
  memory.written.set(`pools/${metadata.name}`, { object: requireNoConflict(answer), at: own.now() });
}

function requireNoConflict<T>(answer: Parameters<typeof bodyOf<T>>[0]): T {
  if (answer.status === 409) throw new Conflict();
  return bodyOf(answer);
}

/** What an action is for, so that a change of that is no reason to wait. */
export function keyOf(action: Action): string {
  if ("image" in action) return action.image.digest;
  if ("work" in action) return action.work.key;
  if ("revision" in action) return action.revision;
  return "pool" in action && typeof action.pool === "string" ? action.pool : "";
}

/** Notes that an action has failed, and when it is tried again. Rethrows what is a defect of this program. */
export function noteSetback(error: unknown, action: Action, memory: AgentMemory, now: number): void {
  if (!(error instanceof K3osError || error instanceof HostError)) throw error;
  const key = keyOf(action);
  const before = memory.setbacks[action.kind];
  const times = before?.key === key ? before.times + 1 : 1;
  const lasting = error instanceof K3osError && !PASSING.includes(error.kind) && !(error instanceof ApiTrouble);
  const [first, most] = lasting ? [10 * 60_000, 60 * 60_000] : [15_000, 10 * 60_000];
  const until = now + Math.min(first * 2 ** (times - 1), most);
  const reason = error instanceof ChannelError ? error.reason : undefined;
  memory.setbacks[action.kind] = { key, message: reasonOf(error), reason, lasting, until, times };
}

/** Kinds of errors that may be over soon. */
const PASSING: readonly string[] = ["network", "busy"];
