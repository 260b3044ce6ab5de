/** A disruption that has begun. */
import { secondsOf } from "../config/duration.ts";
import type { MachineReason } from "../kubernetes/machine.ts";
import type { MachinePool } from "../kubernetes/machine-pool.ts";
import type { NodeObject } from "../kubernetes/node.ts";
import { turnOf } from "./budget.ts";
import {
  type Action,
  act,
  cordonedByAgent,
  type Decision,
  isBack,
  MINUTE,
  pausedBy,
  SECOND,
  SOON,
  setbackOf,
  wait,
} from "./decision.ts";
import type { Observed, WantedConfig, Work } from "./observed.ts";
import { hasTarget } from "./status.ts";
import { targetFor } from "./target.ts";
import { DRAIN_TIMEOUT } from "./turn.ts";

/** A disruption that has begun goes on to its end, unless nobody wants it any more. */
export function continueWork(
  observed: Observed,
  node: NodeObject,
  work: Work,
  pool: MachinePool | undefined,
): Decision {
  const { machine, local, now, uptime, memory, wanted } = observed;
  const isSameBoot = work.bootId === local.bootId;
  const outcome = outcomeOf(observed, work);
  if (outcome !== undefined) {
    // What others may do depends on it.
    if (!isSameBoot && !isBack(observed))
      return wait(outcome.reason, `${outcome.message}; the node is not Ready yet`, SOON);
    return finish(node, { kind: "End", work, done: true }, outcome.reason, outcome.message);
  }
  const undo = (reason: MachineReason, message: string, givenUp?: string) =>
    finish(node, { kind: "End", work, done: false, ...(givenUp !== undefined && { givenUp }) }, reason, message);
  // Once it was told to restart it may be armed: then nothing but the restart decides. After that, nothing is.
  if (work.stopping !== true || !isSameBoot) {
    if (pool === undefined || pool.metadata.name !== work.pool || turnOf(pool, node) === undefined) {
      return undo("WaitingForTurn", "this node has no turn any more");
    }
    const paused = pausedBy(machine, pool);
    if (paused !== undefined) return undo("Paused", paused);
    if (!isStillWanted(work, pool, observed)) return undo("Staged", "something else is wanted now");
    if (work.drain && work.drained !== true) {
      const timeout = pool.spec.rollout?.drain?.timeout ?? DRAIN_TIMEOUT;
      const message = memory.draining ?? "its pods leave the node";
      // The clock may be set meanwhile: that is not the pods' time.
      const lasts = isSameBoot ? uptime - work.startedUptime : now - work.startedAt;
      // Otherwise a drain that never succeeds would go on until that time.
      if (lasts < -MINUTE) return undo("WaitingForTurn", "the clock was set back, and its turn begins anew");
      if (lasts > (secondsOf(timeout) ?? 600) * SECOND) {
        // The time without power is not the pods' time.
        if (!isSameBoot) return undo("WaitingForTurn", "it has restarted before its pods left it");
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
    // It has not stopped, or is back, as from something else that was upgraded to by hand: others may go first.
    const mayStop = work.stopping === true && isSameBoot;
    if (!mayStop && setback.lasting) return undo("Failed", setback.message, setback.message);
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

function isStillWanted({ reason, key }: Work, pool: MachinePool, { wanted, machine, local }: Observed): boolean {
  if (reason === "Image") return targetFor(pool, local.kind)?.digest === key && hasTarget(pool);
  if (reason === "Config") return wanted.config?.revision === key;
  return pool.spec.restartedAt === key || machine?.spec?.restartedAt === key;
}

/** The own cordon goes first, then the note, then the turn: what is left after a kill is undone by the next look. */
function finish(node: NodeObject, end: Action, reason: MachineReason, message: string): Decision {
  return act(cordonedByAgent(node) ? { kind: "Uncordon" } : end, reason, message);
}
