/** When a node may be disrupted: what it waits for, and its turn. */
import { secondsOf } from "../config/duration.ts";
import { compareVersions } from "../image/version.ts";
import { conditionIn } from "../kubernetes/condition.ts";
import type { MachinePool, Turn } from "../kubernetes/machine-pool.ts";
import type { NodeObject } from "../kubernetes/node.ts";
import { isoTime } from "../kubernetes/time.ts";
import { blocked, isAvailable, isServer, PROTOCOL, stallOf, turnOf } from "./budget.ts";
import { act, askedBy, type Decision, giveBack, IDLE, MINUTE, SECOND, WAITING, wait } from "./decision.ts";
import { fresh } from "./fresh.ts";
import type { Cluster, Observed, Work } from "./observed.ts";
import { digestsOf } from "./target.ts";
import type { Wish } from "./wish.ts";

/** Beside the drain and the trial, a turn has room for two restarts. */
const MARGIN_S = 900;
export const DRAIN_TIMEOUT = "10m";
const TRIAL_DEADLINE = "10m";
/** When a restart is to be over. */
const RESTART_DEADLINE_S = 600;

/** Why a wish has to wait before it may ask for a turn. */
export function closedGate(observed: Observed, node: NodeObject, pool: MachinePool, wish: Wish): Decision | undefined {
  const { now, clockTrusted, window } = observed;
  const { spec, status } = pool;
  const target = status?.target;
  if (wish.image !== undefined && spec.approval === "Manual" && !isApproved(pool)) {
    return wait("WaitingForApproval", `${wish.image.version} waits for spec.approved: ${target?.digest}`, IDLE);
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
  const kubernetes = wish.image === undefined ? undefined : minorOf(target?.kubernetes);
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

/** Whether a user has approved the target: by the digest of any of its images, for all of them. */
function isApproved({ spec, status }: MachinePool): boolean {
  return status?.target !== undefined && digestsOf(status.target).includes(spec.approved ?? "");
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
export function takeTurn(observed: Observed, node: NodeObject, watched: MachinePool, wish: Wish): Decision {
  const { now, uptime, local } = observed;
  const cluster = fresh(observed);
  const held = turnOf(watched, node);
  const needed = turnSeconds(watched, wish, observed.wanted.deadline) * SECOND;
  if (held !== undefined && (held.reason !== wish.reason || Date.parse(held.deadline) < now + needed / 2)) {
    return giveBack(watched, "WaitingForTurn", "a turn of before is given back");
  }
  if (cluster === undefined) return act({ kind: "ReadCluster" }, "WaitingForTurn", "the other nodes are looked at");
  const pool = cluster.pools.find(({ metadata }) => metadata.name === watched.metadata.name);
  if (pool === undefined || pool.metadata.generation !== watched.metadata.generation) {
    return wait("WaitingForTurn", "the pool has just changed", SECOND);
  }
  const seen = turnOf(pool, node);
  const why = whyNot(node, pool, cluster, observed);
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
    ...{ pool: pool.metadata.name, reason: wish.reason, key: wish.key },
    ...{ startedAt: now, startedUptime: uptime, bootId: local.bootId },
    ...(wish.image && { image: wish.image }),
    drain: wantsDrain(pool, wish, node, cluster, observed),
    // A restart for whatever reason answers every `restartedAt` so far.
    restarted: askedBy("restartedAt", observed, pool, local.note.restarted),
    ...(pool.spec.trial && { trial: pool.spec.trial }),
  };
  return act({ kind: "Begin", work }, "Draining", "its turn begins");
}

function whyNot(node: NodeObject, pool: MachinePool, cluster: Cluster, { now, clockTrusted }: Observed) {
  const stall = stallOf(pool, cluster, clockTrusted ? now : 0);
  if (stall !== undefined) return { message: `the pool is stalled: ${stall.message}`, yields: false };
  return blocked(node, pool, cluster);
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
