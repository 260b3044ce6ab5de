/** What an agent does next. Pure: observe → decide → act. All waiting is a state; nothing is decided twice. */
import type { MachinePool } from "../kubernetes/machine-pool.ts";
import type { NodeObject } from "../kubernetes/node.ts";
import { poolsOf, turnOf } from "./budget.ts";
import {
  type Action,
  act,
  cordonedByAgent,
  type Decision,
  giveBack,
  IDLE,
  isBack,
  pausedBy,
  SECOND,
  SOON,
  setbackOf,
  WAITING,
  wait,
} from "./decision.ts";
import type { Observed, WantedConfig } from "./observed.ts";
import { hasTarget } from "./status.ts";
import { dueSummary, nextSummary } from "./summary.ts";
import { targetFor } from "./target.ts";
import { closedGate, takeTurn } from "./turn.ts";
import { imageWish, isRestartDue, otherWish, retriesIn } from "./wish.ts";
import { continueWork } from "./work.ts";

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
  const isWaiting = image !== undefined && "action" in image;
  // As long as its kind has no image, a node takes configs and restarts as any other.
  const hasNone = isWaiting && image.reason === "WaitingForImage" && image.action.kind === "Nothing";
  if (isWaiting && !hasNone) return leave(image);
  const wish = (hasNone ? undefined : image) ?? otherWish(observed, pool) ?? image;
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

/** Whether nothing is left to do. */
function isAsWanted(observed: Observed, pool: MachinePool): boolean {
  const { local, wanted } = observed;
  const hasImage =
    pool.spec.image === undefined || (hasTarget(pool) && targetFor(pool, local.kind)?.digest === local.image.digest);
  return hasImage && wanted.config === undefined && otherWish(observed, pool) === undefined;
}

function applyLive(observed: Observed, { revision }: WantedConfig): Decision {
  const setback = setbackOf(observed, "ApplyLive", revision);
  if (setback !== undefined) return wait("Failed", setback.message, setback.until - observed.now);
  return act({ kind: "ApplyLive", revision }, "Applying", "the config is applied");
}
