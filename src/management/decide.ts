/** What an agent does next. Pure: observe → decide → act. All waiting is a state; nothing is decided twice. */
import { secondsOf } from "../config/duration.ts";
import { compareVersions } from "../image/version.ts";
import { conditionIn } from "../kubernetes/condition.ts";
import type { Machine, MachineReason } from "../kubernetes/machine.ts";
import type { MachinePool, Turn } from "../kubernetes/machine-pool.ts";
import { isReady, type NodeObject } from "../kubernetes/node.ts";
import { isoTime } from "../kubernetes/time.ts";
import { blocked, isAvailable, isServer, nodesOf, PROTOCOL, poolsOf, stallOf, turnOf } from "./budget.ts";
import { fresh, PER_RANK } from "./fresh.ts";
import type { LabelPatch } from "./node-labels.ts";
import type { ByOwner, Cluster, Observed, Setback, WantedConfig, WantedImage, Work } from "./observed.ts";
import { hasTarget } from "./status.ts";
import { dueSummary, nextSummary, rankOf, type Summary } from "./summary.ts";

/** One step, as data. Each can be taken twice. */
export type Action =
  | { readonly kind: "Nothing" }
  | { readonly kind: "CreateMachine"; readonly nodeUid: string }
  /** `ReadCluster`: all Nodes, Machines and pools. */
  | Summary
  /** Ask the channel which image the pool's wish stands for, and write that into its status. */
  | { readonly kind: "ResolveTarget"; readonly pool: string }
  /** Note which pool chooses the image; none chooses it without `pool`. */
  | { readonly kind: "NoteImageFrom"; readonly pool?: string | undefined }
  /** Forget what was given up. */
  | { readonly kind: "Forget"; readonly retried: ByOwner }
  /** Fetch the image and put it into the slot that is not in use. Disturbs nobody. */
  | { readonly kind: "Stage"; readonly image: WantedImage }
  /** `pool` as it was read, with its resourceVersion. */
  | { readonly kind: "TakeTurn"; readonly pool: MachinePool; readonly turn: Turn }
  | { readonly kind: "GiveTurnBack"; readonly pool: string }
  /** Note on the disk that the disruption begins. */
  | { readonly kind: "Begin"; readonly work: Work }
  | { readonly kind: "Cordon" }
  /** Ask once for every pod's eviction, and note it when none is left. */
  | { readonly kind: "Drain"; readonly work: Work }
  /** Arm a trial of `work.image` and restart into it. */
  | { readonly kind: "Activate"; readonly work: Work }
  /** Restart the machine. */
  | { readonly kind: "Restart"; readonly work: Work }
  /** Bring the labels of the own Node to those of its config. */
  | { readonly kind: "Label"; readonly patch: LabelPatch }
  /** Apply the config of the cluster while everything runs. */
  | { readonly kind: "ApplyLive"; readonly revision: string }
  /** Apply it and restart k3s; the pods go on. */
  | { readonly kind: "RestartK3s"; readonly work: Work }
  /** Arm a trial of the running image with the new config, and restart into it. */
  | { readonly kind: "ActivateConfig"; readonly work: Work }
  | { readonly kind: "Uncordon" }
  /** Note on the disk that the disruption is over: that it was `done`, or why it was given up, if it was. */
  | { readonly kind: "End"; readonly work: Work; readonly done: boolean; readonly givenUp?: string };

export interface Decision {
  readonly action: Action;
  readonly reason: MachineReason;
  /** One sentence, without a full stop. */
  readonly message: string;
  /** When to look again if nothing has changed by then, in milliseconds from now. */
  readonly again: number;
  /** Whether this is a step between two states that nobody has to be told of. */
  readonly passing?: boolean;
}

/** The annotation of a Node that its own agent has cordoned. */
export const CORDONED = "k3os.io/cordoned";

/** These come between two states. The state after a turn was given back is told before: others go by it. */
const PASSING: readonly Action["kind"][] = [
  ...([
    "CreateMachine",
    "ReadCluster",
    "NoteImageFrom",
    "Forget",
    "Label",
    "TakeTurn",
    "Begin",
    "Uncordon",
    "End",
  ] as const),
];

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** When there is nothing to do, the own Node is looked at this often: its labels, and who has cordoned it. */
const IDLE = 5 * MINUTE;
/** Between two looks at others that are in the way. */
const WAITING = 20 * SECOND;
/** Between two passes of a drain, and between two looks at what ends soon. */
const SOON = 5 * SECOND;
/** A channel is asked again after this. */
const RESOLVE_EVERY = 60 * MINUTE;
/** Beside the drain and the trial, a turn has room for two restarts. */
const MARGIN_S = 900;
const DRAIN_TIMEOUT = "10m";
const TRIAL_DEADLINE = "10m";
/** When a restart is to be over. */
const RESTART_DEADLINE_S = 600;

/** Decides by what was observed. */
export function decide(observed: Observed): Decision {
  const decision = decideOwn(observed);
  if (decision.action.kind !== "Nothing") return { ...decision, passing: PASSING.includes(decision.action.kind) };
  const action = dueSummary(observed);
  if (action !== undefined) return { ...decision, action, again: 0 };
  const next = nextSummary(observed);
  return next === undefined
    ? decision
    : { ...decision, again: Math.min(decision.again, Math.max(next - observed.now, SECOND)) };
}

/** Whether the node has become Ready in this boot; what the API says may still be of the one before. */
export function isBack({ node, local }: Pick<Observed, "node" | "local">): boolean {
  return node !== undefined && isReady(node) && node.status?.nodeInfo?.bootID === local.bootId;
}

const cordonedByAgent = (node: NodeObject) => node.metadata.annotations?.[CORDONED] !== undefined;

function decideOwn(observed: Observed): Decision {
  const { node, machine, pools, local } = observed;
  if (node === undefined) return wait("Applying", "the cluster does not have this node yet", WAITING);
  const { uid = "" } = node.metadata;
  if (machine === undefined) return act({ kind: "CreateMachine", nodeUid: uid }, "Applying", "this Machine is made");
  if (local.onTrial) {
    const message = `${local.image.version} is on trial`;
    // The user's checks of pods come after this.
    if (cordonedByAgent(node) && isBack(observed)) return act({ kind: "Uncordon" }, "OnTrial", message);
    return wait("OnTrial", message, 2 * SOON);
  }
  const { labels } = observed.wanted;
  // Before pools are looked at: they select by labels.
  if (labels !== undefined) return act({ kind: "Label", patch: labels }, "Applying", "the labels of the node are set");
  const selecting = poolsOf(pools, node);
  const [pool, second] = selecting;
  const { work } = local.note;
  if (work !== undefined) return continueWork(observed, node, work, pool && second === undefined ? pool : undefined);
  // What was not begun: a cordon of an earlier run, a turn of another pool.
  if (cordonedByAgent(node)) return act({ kind: "Uncordon" }, "Applying", "the cordon is removed");
  const old = pools.find((other) => turnOf(other, node) && (other !== pool || second !== undefined));
  if (old !== undefined) return giveBack(old, "Applying", "this node is not of that pool any more");
  const imageFrom = second === undefined && pool?.spec.image !== undefined ? pool.metadata.name : undefined;
  if (imageFrom !== local.note.imageFrom) {
    return act({ kind: "NoteImageFrom", pool: imageFrom }, "Applying", "the choice of the image is noted");
  }
  if (pool !== undefined && second !== undefined) {
    const names = selecting.map(({ metadata }) => metadata.name).join(", ");
    return wait("PoolConflict", `more than one MachinePool selects this node: ${names}`, IDLE);
  }
  if (pool === undefined) return decideAlone(observed);
  const retried = retriesIn(observed, pool);
  if (retried !== undefined) return act({ kind: "Forget", retried }, "Applying", "what was given up is forgotten");
  return decideIn(observed, node, pool);
}

/** A node that no pool selects has nobody to take turns with. Only what disturbs nobody is done. */
function decideAlone(observed: Observed): Decision {
  const { machine, wanted, local } = observed;
  const nobody = "no MachinePool selects this node";
  if (machine?.spec?.paused) return wait("Paused", "spec.paused", IDLE);
  const { config } = wanted;
  if (config?.refused !== undefined) return wait("Failed", config.refused, IDLE);
  if (config?.effect === "Live") return applyLive(observed, config);
  const restart = isRestartDue(local.note.restarted.machine, machine?.spec?.restartedAt, observed);
  if (restart || config !== undefined) return wait("WaitingForTurn", nobody, IDLE);
  return wait("UpToDate", nobody, IDLE);
}

/** What a pool, the Machine or a config wants to be disrupted for. */
interface Wish {
  readonly reason: Turn["reason"];
  readonly key: string;
  readonly image?: WantedImage;
}

function decideIn(observed: Observed, node: NodeObject, pool: MachinePool): Decision {
  const { machine, wanted } = observed;
  const holds = turnOf(pool, node) !== undefined;
  const leave = (decision: Decision) => (holds ? giveBack(pool, decision.reason, decision.message) : decision);

  const paused = pausedBy(machine, pool);
  if (paused !== undefined) {
    return leave(isAsWanted(observed, pool) ? upToDate(observed, pool) : wait("Paused", paused, IDLE));
  }
  if (wanted.config?.refused !== undefined) return leave(wait("Failed", wanted.config.refused, IDLE));
  if (wanted.config?.effect === "Live") return applyLive(observed, wanted.config);

  const image = imageWish(observed, node, pool);
  if (image !== undefined && "action" in image) return leave(image);
  const wish = image ?? otherWish(observed, pool);
  if (wish === undefined) return leave(upToDate(observed, pool));
  if ("action" in wish) return leave(wish);
  const gate = closedGate(observed, node, pool, wish);
  if (gate !== undefined) return gate.action.kind === "ReadCluster" ? gate : leave(gate);
  return takeTurn(observed, node, pool, wish);
}

function upToDate({ local }: Observed, { spec, metadata }: MachinePool): Decision {
  const version = spec.image === undefined ? "" : `: ${local.image.version}`;
  return wait("UpToDate", `as the pool ${metadata.name} wants it${version}`, IDLE);
}

function pausedBy(machine: Machine | undefined, { spec, metadata }: MachinePool): string | undefined {
  if (machine?.spec?.paused) return "spec.paused of this Machine is true";
  return spec.paused ? `spec.paused of the pool ${metadata.name} is true` : undefined;
}

/** Whether nothing is left to do. */
function isAsWanted(observed: Observed, pool: MachinePool): boolean {
  const { local, wanted } = observed;
  const hasImage =
    pool.spec.image === undefined || (hasTarget(pool) && pool.status?.target?.digest === local.image.digest);
  return hasImage && wanted.config === undefined && otherWish(observed, pool) === undefined;
}

/** What the pool's image asks for: a wish that can be carried out, or the step or the wait that comes before that. */
function imageWish(observed: Observed, node: NodeObject, pool: MachinePool): Wish | Decision | undefined {
  const { local } = observed;
  const { image } = pool.spec;
  if (image === undefined || (image.version === undefined && image.channel === undefined)) return undefined;
  if (!local.hasSlots) return wait("Failed", "this node does not run from a disk, so it has no slot to upgrade", IDLE);
  const unresolved = resolve(observed, node, pool);
  if (unresolved !== undefined) return unresolved;
  const target = pool.status?.target;
  if (target === undefined || target.digest === local.image.digest) return undefined;

  const refused = local.refused.find(({ key }) => key === target.digest);
  if (refused !== undefined) {
    return wait("Returned", `${target.version} was given up here: ${refused.message}`, IDLE);
  }
  const givenUp = local.note.givenUp.find(({ key }) => key === target.digest);
  if (givenUp !== undefined) return wait("Failed", givenUp.message, IDLE);
  if (image.allowDowngrade !== true && compareVersions(target.version, local.image.version) < 0) {
    const what = `${target.version} is older than ${local.image.version}, which runs`;
    return wait("Failed", `${what}; allow it by spec.image.allowDowngrade of the pool`, IDLE);
  }
  if (local.hindrance !== undefined) return wait("Failed", local.hindrance, IDLE);
  const wanted: WantedImage = {
    ...{ version: target.version, digest: target.digest, source: image.source, channel: image.channel },
    allowDowngrade: image.allowDowngrade === true,
  };
  const setback = setbackOf(observed, "Stage", target.digest) ?? setbackOf(observed, "Activate", target.digest);
  if (setback !== undefined) {
    return wait(setback.lasting ? "Failed" : "Staging", setback.message, setback.until - observed.now);
  }
  if (local.staged !== target.digest) {
    return act({ kind: "Stage", image: wanted }, "Staging", `${target.version} is fetched`);
  }
  return { reason: "Image", key: target.digest, image: wanted };
}

/** What did not work before, and is not tried again yet. */
function setbackOf({ memory, now }: Observed, action: Action["kind"], key: string): Setback | undefined {
  const setback = memory.setbacks[action];
  return setback !== undefined && setback.key === key && setback.until > now ? setback : undefined;
}

/** One agent asks the channel for all. `undefined` if the target is known, and holds. */
function resolve(observed: Observed, node: NodeObject, pool: MachinePool): Decision | undefined {
  const { now, memory } = observed;
  const { name } = pool.metadata;
  const due = resolveAt(pool, memory.poolSince[name] ?? now);
  if (due > now) return undefined;
  const isKnown = hasTarget(pool);
  const what = "the image of the pool is looked up";
  const setback = setbackOf(observed, "ResolveTarget", name);
  if (setback !== undefined) {
    return isKnown ? undefined : wait("Staging", setback.message, setback.until - now);
  }
  const cluster = fresh(observed);
  if (cluster === undefined) return act({ kind: "ReadCluster" }, isKnown ? "UpToDate" : "Staging", what);
  const at = due + PER_RANK * rankOf(node, nodesOf(pool, cluster.nodes));
  if (at <= now) return act({ kind: "ResolveTarget", pool: name }, isKnown ? "UpToDate" : "Staging", what);
  return isKnown ? undefined : wait("Staging", what, at - now);
}

/** When the channel is to be asked again. */
function resolveAt(pool: MachinePool, since: number): number {
  const { target } = pool.status ?? {};
  if (target === undefined || !hasTarget(pool)) return since;
  if (pool.spec.image?.channel === undefined) return Number.POSITIVE_INFINITY;
  return Date.parse(target.resolvedAt) + RESOLVE_EVERY;
}

/** A config that needs a restart, or a restart for its own sake. What was given up waits for `retry`. */
function otherWish(observed: Observed, pool: MachinePool): Wish | Decision | undefined {
  const { machine, local, wanted } = observed;
  const { restarted, givenUp } = local.note;
  // Only what runs from the slot that is kept can be returned to.
  if (wanted.config?.effect === "Reboot" && local.hindrance !== undefined) return wait("Failed", local.hindrance, IDLE);
  const texts = [
    [restarted.pool, pool.spec.restartedAt],
    [restarted.machine, machine?.spec?.restartedAt],
  ] as const;
  const due = texts.filter(([done, text]) => isRestartDue(done, text, observed));
  const wishes: Wish[] = [
    ...(wanted.config === undefined ? [] : [{ reason: "Config" as const, key: wanted.config.revision }]),
    ...due.flatMap(([, key]) => (key === undefined ? [] : [{ reason: "Restart" as const, key }])),
  ];
  const why = (wish: Wish) => givenUp.find(({ key }) => key === wish.key);
  const [first] = wishes;
  const failed = first && why(first);
  if (failed !== undefined && wishes.every(why)) return wait("Failed", failed.message, IDLE);
  return wishes.find((wish) => why(wish) === undefined);
}

/**
 * Whether a `restartedAt` still asks for a restart. A node that joined after that time does not restart for it. In
 * memory, a node would forget that it has.
 */
function isRestartDue(done: string | undefined, text: string | undefined, { machine, local }: Observed): boolean {
  if (text === undefined || text === "" || text === done || !local.hasSlots) return false;
  return !(Date.parse(text) < Date.parse(machine?.metadata.creationTimestamp ?? ""));
}

function retriesIn({ machine, local }: Observed, pool: MachinePool): ByOwner | undefined {
  const { retried } = local.note;
  const now = { pool: pool.spec.retry || retried.pool, machine: machine?.spec?.retry || retried.machine };
  if (now.pool === retried.pool && now.machine === retried.machine) return undefined;
  return { ...(now.pool && { pool: now.pool }), ...(now.machine && { machine: now.machine }) };
}

/** Why a wish has to wait before it may ask for a turn. */
function closedGate(observed: Observed, node: NodeObject, pool: MachinePool, wish: Wish): Decision | undefined {
  const { now, clockTrusted, window } = observed;
  const { spec, status } = pool;
  if (wish.image !== undefined && spec.approval === "Manual" && spec.approved !== wish.key) {
    return wait("WaitingForApproval", `${wish.image.version} waits for spec.approved: ${wish.key}`, IDLE);
  }
  const before = spec.rollout?.after ?? [];
  for (const { pool: name, soak } of before) {
    const why = notYet(observed, pool, name, soak);
    if (why !== undefined) return wait("Staged", why, MINUTE);
  }
  if (observed.windowProblem !== undefined) return wait("WaitingForWindow", observed.windowProblem, IDLE);
  if (window !== undefined && !clockTrusted) {
    return wait("WaitingForWindow", "no window is open while the clock is not known to be right", MINUTE);
  }
  if (window !== undefined && window.start > now) {
    const at = `${new Date(window.start).toISOString().slice(0, 16).replace("T", " ")} UTC`;
    return wait("WaitingForWindow", `the next window opens at ${at}`, Math.min(window.start - now, IDLE));
  }
  const kubernetes = wish.image === undefined ? undefined : minorOf(status?.target?.kubernetes);
  if (kubernetes === undefined || isServer(node)) return undefined;
  const cluster = fresh(observed);
  const message = `servers must run Kubernetes ${kubernetes.text} first`;
  if (cluster === undefined) return act({ kind: "ReadCluster" }, "WaitingForTurn", message);
  const older = cluster.nodes.filter(isServer).filter((server) => {
    const runs = minorOf(server.status?.nodeInfo?.kubeletVersion);
    return runs !== undefined && (runs.major - kubernetes.major || runs.minor - kubernetes.minor) < 0;
  });
  if (older.length === 0) return undefined;
  return wait("Staged", `${message}: ${older.map(({ metadata }) => metadata.name).join(", ")}`, MINUTE);
}

/** Why a pool that comes first is not done yet. */
function notYet(
  { pools, now, clockTrusted }: Observed,
  pool: MachinePool,
  name: string,
  soak: string | undefined,
): string | undefined {
  const first = pools.find(({ metadata }) => metadata.name === name);
  if (first === undefined) return `the pool ${name}, which comes first, does not exist`;
  const { status, spec, metadata } = first;
  const ready = conditionIn(first, "Ready");
  if (status?.observedGeneration !== metadata.generation || ready?.status !== "True") {
    return `the pool ${name} comes first, and is not Ready`;
  }
  const [theirs, ours] = [status?.target?.version, pool.status?.target?.version];
  if (spec.image && pool.spec.image && theirs && ours && compareVersions(theirs, ours) < 0) {
    return `the pool ${name} comes first, and is at ${theirs}`;
  }
  const soakS = secondsOf(soak ?? "0s") ?? 0;
  if (soakS === 0) return undefined;
  const until = Date.parse(ready.lastTransitionTime) + soakS * SECOND;
  if (clockTrusted && until <= now) return undefined;
  return `the pool ${name} must have been Ready for ${soak}`;
}

function minorOf(version: string | undefined) {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version ?? "") ?? [];
  return minor === undefined ? undefined : { major: Number(major), minor: Number(minor), text: `${major}.${minor}` };
}

/** Takes a turn, makes sure of it, and begins. */
function takeTurn(observed: Observed, node: NodeObject, watched: MachinePool, wish: Wish): Decision {
  const { now, local } = observed;
  const cluster = fresh(observed);
  const held = turnOf(watched, node);
  const needed = turnSeconds(watched, wish, observed.wanted.deadline) * SECOND;
  if (held !== undefined && (held.reason !== wish.reason || Date.parse(held.deadline) < now + needed / 2)) {
    return giveBack(watched, "WaitingForTurn", "a turn of before is given back");
  }
  const why = cluster === undefined ? undefined : whyNot(node, watched, cluster, observed);
  if (cluster === undefined) {
    return act({ kind: "ReadCluster" }, "WaitingForTurn", "the other nodes are looked at");
  }
  const pool = cluster.pools.find(({ metadata }) => metadata.name === watched.metadata.name);
  if (pool === undefined || pool.metadata.generation !== watched.metadata.generation) {
    return wait("WaitingForTurn", "the pool has just changed", SECOND);
  }
  const seen = turnOf(pool, node);
  if (why !== undefined) {
    if (seen === undefined && held === undefined) return wait("WaitingForTurn", why.message, WAITING);
    return why.yields ? wait("WaitingForTurn", why.message, SECOND) : giveBack(pool, "WaitingForTurn", why.message);
  }
  if (seen === undefined) {
    const turn: Turn = {
      ...{ machine: node.metadata.name, uid: node.metadata.uid ?? "" },
      ...{ since: isoTime(now), deadline: isoTime(now + needed), reason: wish.reason, protocol: PROTOCOL },
    };
    return act({ kind: "TakeTurn", pool, turn }, "WaitingForTurn", "it takes its turn");
  }
  const work: Work = {
    ...{ pool: pool.metadata.name, reason: wish.reason, key: wish.key, startedAt: now, bootId: local.bootId },
    ...(wish.image && { image: wish.image }),
    drain: wantsDrain(pool, wish, node, cluster, observed),
    restarted: restartsAnswered(observed, pool),
    ...(pool.spec.trial && { trial: pool.spec.trial }),
  };
  return act({ kind: "Begin", work }, "Draining", "its turn begins");
}

function whyNot(node: NodeObject, pool: MachinePool, cluster: Cluster, { now, clockTrusted }: Observed) {
  const current = cluster.pools.find(({ metadata }) => metadata.name === pool.metadata.name) ?? pool;
  const stall = stallOf(current, cluster, clockTrusted ? now : 0);
  if (stall !== undefined) return { message: `the pool is stalled: ${stall.message}`, yields: false };
  return blocked(node, current, cluster);
}

function turnSeconds({ spec }: MachinePool, { reason }: Wish, ofNode = TRIAL_DEADLINE): number {
  const drain = secondsOf(spec.rollout?.drain?.timeout ?? DRAIN_TIMEOUT) ?? 600;
  const trial = reason === "Restart" ? RESTART_DEADLINE_S : (secondsOf(spec.trial?.deadline ?? ofNode) ?? 600);
  return drain + trial + MARGIN_S;
}

/** `Auto`: only if another Node could take the pods. A restart of k3s leaves them running. */
function wantsDrain(
  pool: MachinePool,
  wish: Wish,
  node: NodeObject,
  { nodes }: Cluster,
  { wanted }: Observed,
): boolean {
  if (wish.reason === "Config" && wanted.config?.effect !== "Reboot") return false;
  const mode = pool.spec.rollout?.drain?.mode ?? "Auto";
  if (mode !== "Auto") return mode === "Always";
  return nodes.some((other) => other.metadata.name !== node.metadata.name && isAvailable(other));
}

/** A restart for whatever reason answers every `restartedAt` so far. */
function restartsAnswered({ machine, local }: Observed, pool: MachinePool): ByOwner {
  const { restarted } = local.note;
  const now = {
    pool: pool.spec.restartedAt || restarted.pool,
    machine: machine?.spec?.restartedAt || restarted.machine,
  };
  return { ...(now.pool && { pool: now.pool }), ...(now.machine && { machine: now.machine }) };
}

/** A disruption that has begun goes on to its end, unless nobody wants it any more. */
function continueWork(observed: Observed, node: NodeObject, work: Work, pool: MachinePool | undefined): Decision {
  const { machine, local, now, memory, wanted } = observed;
  const outcome = outcomeOf(observed, work);
  if (outcome !== undefined) {
    // What others may do depends on it.
    if (work.bootId !== local.bootId && !isBack(observed))
      return wait(outcome.reason, `${outcome.message}; the node is not Ready yet`, SOON);
    return finish(node, { kind: "End", work, done: true }, outcome.reason, outcome.message);
  }
  const undo = (reason: MachineReason, message: string, givenUp?: string) =>
    finish(node, { kind: "End", work, done: false, ...(givenUp !== undefined && { givenUp }) }, reason, message);
  // Once it was told to restart it may be armed: then nothing but the restart decides.
  if (work.stopping !== true) {
    if (pool === undefined || pool.metadata.name !== work.pool || turnOf(pool, node) === undefined) {
      return undo("WaitingForTurn", "this node has no turn any more");
    }
    const paused = pausedBy(machine, pool);
    if (paused !== undefined) return undo("Paused", paused);
    if (!isStillWanted(work, pool, observed)) return undo("Staged", "something else is wanted now");
    if (work.drain && work.drained !== true) {
      const timeout = pool.spec.rollout?.drain?.timeout ?? DRAIN_TIMEOUT;
      const message = memory.draining ?? "its pods leave the node";
      if (now - work.startedAt > (secondsOf(timeout) ?? 600) * SECOND) {
        const why = `its pods did not leave it within ${timeout}: ${message}`;
        return undo("Failed", why, why);
      }
      if (node.spec?.unschedulable !== true) return act({ kind: "Cordon" }, "Draining", "the node is cordoned");
      const pause = setbackOf(observed, "Drain", work.key);
      if (pause !== undefined) return wait("Draining", message, pause.until - now);
      return act({ kind: "Drain", work }, "Draining", message);
    }
  }
  const action = lastAction(work, wanted.config);
  const setback = setbackOf(observed, action.kind, work.key);
  if (setback !== undefined) {
    // It has not stopped: others may go first.
    if (work.stopping !== true && setback.lasting) return undo("Failed", setback.message, setback.message);
    return wait("Restarting", setback.message, setback.until - now);
  }
  const into = work.image === undefined ? "" : ` into ${work.image.version}`;
  const words = action.kind === "RestartK3s" ? "k3s restarts" : `the node restarts${into}`;
  return act(action, action.kind === "RestartK3s" ? "Applying" : "Restarting", words);
}

/** What disrupts the node in the end. */
function lastAction(work: Work, config: WantedConfig | undefined): Action {
  if (work.reason === "Image") return { kind: "Activate", work };
  if (work.reason === "Restart") return { kind: "Restart", work };
  return { kind: config?.effect === "Reboot" ? "ActivateConfig" : "RestartK3s", work };
}

/** How a disruption has ended; `undefined` if it has not. */
function outcomeOf(
  { local, wanted, parts }: Observed,
  { reason, key, bootId }: Work,
): { readonly reason: MachineReason; readonly message: string } | undefined {
  if (reason === "Restart") {
    return bootId === local.bootId ? undefined : { reason: "Restarting", message: "the node has restarted" };
  }
  if (reason === "Image") {
    if (local.image.digest === key) return { reason: "OnTrial", message: `${local.image.version} was kept` };
    const refused = local.refused.find((image) => image.key === key);
    return refused && { reason: "Returned", message: refused.message };
  }
  if (parts.config?.revision === key) return { reason: "Applying", message: "the config is applied" };
  const { config } = wanted;
  if (config?.revision === key) {
    return config.refused === undefined ? undefined : { reason: "Returned", message: config.refused };
  }
  return bootId === local.bootId ? undefined : { reason: "Applying", message: "something else is wanted now" };
}

function isStillWanted({ reason, key }: Work, pool: MachinePool, { wanted, machine }: Observed): boolean {
  if (reason === "Image") return pool.status?.target?.digest === key && hasTarget(pool);
  if (reason === "Config") return wanted.config?.revision === key;
  return pool.spec.restartedAt === key || machine?.spec?.restartedAt === key;
}

/** The own cordon goes first, then the note, then the turn: what is left after a kill is undone by the next look. */
function finish(node: NodeObject, end: Action, reason: MachineReason, message: string): Decision {
  return act(cordonedByAgent(node) ? { kind: "Uncordon" } : end, reason, message);
}

function giveBack(pool: MachinePool, reason: MachineReason, message: string): Decision {
  return act({ kind: "GiveTurnBack", pool: pool.metadata.name }, reason, message);
}

function applyLive(observed: Observed, { revision }: WantedConfig): Decision {
  const setback = setbackOf(observed, "ApplyLive", revision);
  if (setback !== undefined) return wait("Failed", setback.message, setback.until - observed.now);
  return act({ kind: "ApplyLive", revision }, "Applying", "the config is applied");
}

function wait(reason: MachineReason, message: string, again: number): Decision {
  return { action: { kind: "Nothing" }, reason, message, again: Math.max(again, SECOND) };
}

function act(action: Action, reason: MachineReason, message: string): Decision {
  return { action, reason, message, again: 0 };
}
