/** The status of Machines and of pools, as kstatus reads conditions. Pure. */
import { conditionIn, isTrue } from "../kubernetes/condition.ts";
import type { Machine, MachineReason, MachineStatus } from "../kubernetes/machine.ts";
import type { MachinePool, MachinePoolStatus } from "../kubernetes/machine-pool.ts";
import { isEqual } from "../kubernetes/merge-patch.ts";
import type { StatusCondition } from "../kubernetes/meta.ts";
import { isoTime } from "../kubernetes/time.ts";
import { hasFailed, isAvailable, nodesOf, poolsOf, stallOf, turnsOf } from "./budget.ts";
import type { Cluster, Observed, Setback } from "./observed.ts";
import { digestsOf, targetFor } from "./target.ts";

/** How an object is. */
export interface Verdict {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
  /** `Reconciling`: it goes on by itself. `Stalled`: somebody has to do something. */
  readonly also?: "Reconciling" | "Stalled" | undefined;
}

/** The conditions of an object, after those of before: a time changes only with the status that it tells of. */
export function conditionsOf(
  { ready, reason, message, also }: Verdict,
  before: readonly StatusCondition[] = [],
  generation: number | undefined,
  now: number,
): StatusCondition[] {
  const condition = (type: string, status: StatusCondition["status"]) =>
    conditionOf({ type, status, reason, message }, before, generation, now);
  return [condition("Ready", ready ? "True" : "False"), ...(also === undefined ? [] : [condition(also, "True")])];
}

function conditionOf(
  { type, status, reason, message }: Pick<StatusCondition, "type" | "status" | "reason" | "message">,
  before: readonly StatusCondition[] = [],
  generation: number | undefined,
  now: number,
): StatusCondition {
  const old = before.find((other) => other.type === type);
  return {
    ...{ type, status, reason, message: message.slice(0, 1024) },
    ...(generation !== undefined && { observedGeneration: generation }),
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : isoTime(now),
  };
}

const STALLED: readonly MachineReason[] = ["Returned", "Failed", "PoolConflict"];

/** Whether somebody has to do something about it. */
export const isStalled = (reason: MachineReason) => STALLED.includes(reason);

/** The status of the own Machine, `undefined` if it is as it is. */
export function machineStatus(
  observed: Observed,
  { reason, message }: { readonly reason: MachineReason; readonly message: string },
): MachineStatus | undefined {
  const { node, machine, pools, local, parts, now } = observed;
  if (machine === undefined) return undefined;
  const selecting = node === undefined ? [] : poolsOf(pools, node);
  const [pool] = selecting.length === 1 ? selecting : [];
  const target = pool?.spec.image === undefined ? undefined : targetFor(pool, local.kind);
  const { generation } = machine.metadata;
  const verdict: Verdict = {
    ...{ ready: reason === "UpToDate", reason, message },
    also: isStalled(reason) ? "Stalled" : reason === "UpToDate" || reason === "Paused" ? undefined : "Reconciling",
  };
  const { observedGeneration: _, conditions: before, ...kept } = machine.status ?? {};
  const status: MachineStatus = {
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(pool !== undefined && { pool: pool.metadata.name }),
    ...(pool?.metadata.generation !== undefined && { poolGeneration: pool.metadata.generation }),
    ...(target !== undefined && { target }),
    image: local.image,
    slots: local.slots,
    ...(local.boot !== undefined && { boot: local.boot }),
    ...pick(kept, "config", "plan", "drift"),
    ...parts,
    conditions: [...conditionsOf(verdict, before, generation, now), ...driftOf(parts.drift, before, generation, now)],
  };
  return isEqual(status, machine.status) ? undefined : status;
}

/** `Drifted`, only while it is true. */
function driftOf(
  drift: MachineStatus["drift"] = [],
  before: readonly StatusCondition[] | undefined,
  generation: number | undefined,
  now: number,
): StatusCondition[] {
  if (drift.length === 0) return [];
  const names = drift.slice(0, 5).map(({ kind, path }) => `${kind} ${path}`);
  const more = drift.length > names.length ? ` and ${drift.length - names.length} more` : "";
  const message = `differs from the config: ${names.join(", ")}${more}`;
  return [conditionOf({ type: "Drifted", status: "True", reason: "Differs", message }, before, generation, now)];
}

function pick<T extends object, K extends keyof T>(object: T, ...keys: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(
    keys.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]),
  ) as Partial<Pick<T, K>>;
}

export interface PoolView {
  readonly now: number;
  readonly clockTrusted: boolean;
  /** Why the image could not be looked up, if this agent has tried. */
  readonly failure?: Setback | undefined;
}

/** What a pool's status should be; `undefined` if it is that already. `target` and `turns` are not touched. */
export function poolStatus(pool: MachinePool, cluster: Cluster, view: PoolView): MachinePoolStatus | undefined {
  const { metadata, status = {} } = pool;
  const nodes = nodesOf(pool, cluster.nodes);
  const names = new Set(nodes.map((node) => node.metadata.name));
  const machines = cluster.machines.filter((machine) => names.has(machine.metadata.name));
  const turns = turnsOf(pool, cluster.nodes);
  const count = {
    machines: machines.length,
    updated: machines.filter((machine) => isUpdated(machine, pool)).length,
    unavailable: nodes.filter(
      (node) => !isAvailable(node) || turns.some(({ machine }) => machine === node.metadata.name),
    ).length,
    failed: machines.filter((machine) => hasFailed(machine, pool)).length,
  };
  const verdict = verdictOf(pool, cluster, machines, view);
  const { generation } = metadata;
  const wanted: MachinePoolStatus = {
    ...status,
    ...(generation !== undefined && { observedGeneration: generation }),
    ...count,
    conditions: conditionsOf(verdict, status.conditions, generation, view.now),
  };
  return isEqual(wanted, status) ? undefined : wanted;
}

/** Whether the target in the status is what the spec asks for now. */
export function hasTarget({ spec, status }: MachinePool): boolean {
  const target = status?.target;
  const { version, channel, source } = spec.image ?? {};
  if (target === undefined || target.channel !== channel || target.source !== source) return false;
  return version === undefined || target.version === version;
}

/** Whether a Machine is as its pool wants it, and says so of the pool's current spec. */
function isUpdated(machine: Machine, pool: MachinePool): boolean {
  const { status } = machine;
  if (status?.pool !== pool.metadata.name || status.poolGeneration !== pool.metadata.generation) return false;
  const target = pool.spec.image === undefined ? undefined : pool.status?.target;
  if (pool.spec.image !== undefined && !hasTarget(pool)) return false;
  if (target !== undefined && !digestsOf(target).includes(status.image?.digest ?? "")) return false;
  return isTrue(machine, "Ready");
}

/** Why this pool's image is not known: kept until it is, so that agents which have not asked do not take it away. */
const LOOK_UP = "LookUpFailed";

function verdictOf(pool: MachinePool, cluster: Cluster, machines: readonly Machine[], view: PoolView): Verdict {
  const { spec, status = {}, metadata } = pool;
  const names = (list: readonly Machine[]) => {
    const shown = list.slice(0, 5).map((machine) => machine.metadata.name);
    return `${shown.join(", ")}${list.length > shown.length ? ` and ${list.length - shown.length} more` : ""}`;
  };
  const updated = machines.filter((machine) => isUpdated(machine, pool));
  const conflicts = machines.filter((machine) => conditionIn(machine, "Ready")?.reason === "PoolConflict");
  const wish =
    spec.image === undefined
      ? "as it should be"
      : `at ${status.target?.version ?? spec.image.version ?? spec.image.channel}`;
  const progress = `${updated.length} of ${machines.length} ${machines.length === 1 ? "is" : "are"} ${wish}`;
  if (conflicts.length > 0) {
    const message = `another MachinePool selects ${names(conflicts)}, too`;
    return { ready: false, reason: "PoolConflict", message, also: "Stalled" };
  }
  if (spec.image !== undefined && machines.length > 0 && !hasTarget(pool)) {
    const old = conditionIn(pool, "Stalled");
    const isOld = old?.reason.startsWith(LOOK_UP) && status.observedGeneration === metadata.generation;
    const said = view.failure?.message ?? (isOld ? old?.message : undefined);
    if (said !== undefined) return { ready: false, reason: LOOK_UP, message: said, also: "Stalled" };
    return { ready: false, reason: "LookingUp", message: "the image is looked up", also: "Reconciling" };
  }
  const stall = stallOf(pool, cluster, view.clockTrusted ? view.now : 0);
  if (stall !== undefined) return { ready: false, reason: stall.reason, message: stall.message, also: "Stalled" };
  if (updated.length === machines.length) {
    return { ready: true, reason: "UpToDate", message: machines.length === 0 ? "it selects no Machine" : progress };
  }
  if (spec.paused) return { ready: false, reason: "Paused", message: `${progress}; spec.paused is true` };
  const turns = turnsOf(pool, cluster.nodes);
  const others = machines.filter((machine) => !updated.includes(machine));
  const first = others.find(({ metadata: { name } }) => turns.some(({ machine }) => machine === name)) ?? others[0];
  const detail = (first && conditionIn(first, "Ready"))?.message ?? "its agent says nothing yet";
  return {
    ...{
      ready: false,
      reason: reasonOf(
        turns.map(({ reason }) => reason),
        spec,
      ),
      also: "Reconciling",
    },
    message: `${progress}; ${first?.metadata.name}: ${detail}`,
  };
}

function reasonOf(turns: readonly string[], { image }: MachinePool["spec"]): string {
  const [turn] = turns;
  if (turn === "Image" || (turn === undefined && image !== undefined)) return "Upgrading";
  return turn === "Restart" ? "Restarting" : "Applying";
}
