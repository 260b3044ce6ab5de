/** What a node is to be disrupted for. */
import { kindTitle } from "../image/fitting.ts";
import { compareVersions } from "../image/version.ts";
import type { MachinePool, Turn } from "../kubernetes/machine-pool.ts";
import type { NodeObject } from "../kubernetes/node.ts";
import { nodesOf } from "./budget.ts";
import { act, askedBy, type Decision, IDLE, MINUTE, setbackOf, wait } from "./decision.ts";
import { fresh, PER_RANK } from "./fresh.ts";
import type { ByOwner, Observed, WantedImage } from "./observed.ts";
import { hasTarget } from "./status.ts";
import { rankOf } from "./summary.ts";
import { targetFor } from "./target.ts";

/** A channel is asked again after this. */
const RESOLVE_EVERY = 60 * MINUTE;
/** A time that another node wrote may be ahead of the own clock by so much, and both are right. */
const CLOCKS_APART = 5 * MINUTE;

/** What a pool, the Machine or a config wants to be disrupted for. */
export interface Wish {
  readonly reason: Turn["reason"];
  readonly key: string;
  readonly image?: WantedImage;
}

/** What the pool's image asks for: a wish that can be carried out, or the step or the wait that comes before that. */
export function imageWish(observed: Observed, node: NodeObject, pool: MachinePool): Wish | Decision | undefined {
  const { local } = observed;
  const { image } = pool.spec;
  if (image === undefined || (image.version === undefined && image.channel === undefined)) return undefined;
  if (!local.hasSlots) return wait("Failed", "this node does not run from a disk, so it has no slot to upgrade", IDLE);
  const unresolved = resolve(observed, node, pool);
  if (unresolved !== undefined) return unresolved;
  const target = targetFor(pool, local.kind);
  if (target === undefined) {
    const { version, images = [] } = pool.status?.target ?? {};
    const what = `the channel of the pool has no ${version} for ${kindTitle(local.kind)}`;
    return wait("WaitingForImage", `${what}, but for ${images.map(kindTitle).join(", ")}`, IDLE);
  }
  if (target.digest === local.image.digest) return undefined;

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

/** One agent asks the channel for all. `undefined` if the target is known, and holds. */
function resolve(observed: Observed, node: NodeObject, pool: MachinePool): Decision | undefined {
  const { now, memory, local } = observed;
  const { name } = pool.metadata;
  const due = resolveAt(observed, pool, memory.poolSince[name] ?? now);
  if (due > now) return undefined;
  const isKnown = hasTarget(pool);
  const hasImage = targetFor(pool, local.kind) !== undefined;
  const reason = !isKnown ? "Staging" : hasImage ? "UpToDate" : "WaitingForImage";
  const what = "the image of the pool is looked up";
  const setback = setbackOf(observed, "ResolveTarget", name);
  if (setback !== undefined) {
    return isKnown ? undefined : wait("Staging", setback.message, setback.until - now);
  }
  const cluster = fresh(observed);
  if (cluster === undefined) return act({ kind: "ReadCluster" }, reason, what);
  const at = due + PER_RANK * rankOf(node, nodesOf(pool, cluster.nodes));
  if (at <= now) return act({ kind: "ResolveTarget", pool: name }, reason, what);
  return isKnown ? undefined : wait("Staging", what, at - now);
}

/**
 * When the channel is to be asked again: of a `version`, only by nodes whose kind has no image of it yet. A time that
 * has not come yet is of a clock that was ahead, and would put that off until it comes.
 */
function resolveAt({ now, clockTrusted, local }: Observed, pool: MachinePool, since: number): number {
  const { target } = pool.status ?? {};
  if (target === undefined || !hasTarget(pool)) return since;
  if (pool.spec.image?.channel === undefined && targetFor(pool, local.kind) !== undefined) {
    return Number.POSITIVE_INFINITY;
  }
  const at = Date.parse(target.resolvedAt);
  return clockTrusted && at > now + CLOCKS_APART ? since : at + RESOLVE_EVERY;
}

/** A config that needs a restart, or a restart for its own sake. What was given up waits for `retry`. */
export function otherWish(observed: Observed, pool: MachinePool): Wish | Decision | undefined {
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
export function isRestartDue(
  done: string | undefined,
  text: string | undefined,
  { machine, local }: Observed,
): boolean {
  if (text === undefined || text === "" || text === done || !local.hasSlots) return false;
  return !(Date.parse(text) < Date.parse(machine?.metadata.creationTimestamp ?? ""));
}

/** The `retry` of pool and Machine, if one of them is new. */
export function retriesIn(observed: Observed, pool: MachinePool): ByOwner | undefined {
  const { retried } = observed.local.note;
  const asked = askedBy("retry", observed, pool, retried);
  return asked.pool === retried.pool && asked.machine === retried.machine ? undefined : asked;
}
