import type { Machine } from "../../kubernetes/machine.ts";
import type { MachinePool } from "../../kubernetes/machine-pool.ts";
import type { Cluster, Memory, Setback, Summarised } from "../../management/observed.ts";
import type { Secrets } from "../../management/secrets.ts";

/** What a running agent remembers; all of it may be lost. */
export interface AgentMemory extends Memory {
  poolSince: Record<string, number>;
  setbacks: Record<string, Setback | undefined>;
  draining?: string | undefined;
  summarised: Record<string, Summarised | undefined>;
  state?: { readonly word: string; readonly since: number } | undefined;
  cluster?: Cluster | undefined;
  /** The generation of a pool that `poolSince` is about. */
  readonly generations: Map<string, number | undefined>;
  /** What this agent has written, and its watch has not told yet, by kind and name. */
  readonly written: Map<string, { readonly object: Machine | MachinePool; readonly at: number }>;
  /** The Secrets that MachineConfigs name, and when they were read. */
  secrets?: { readonly mark: string; readonly at: number; readonly found: Secrets } | undefined;
  /** When the status of the own Machine was last written. */
  toldAt?: number | undefined;
  /** When this agent last looked, by its clock. */
  lookedAt?: number | undefined;
}

export function newMemory(): AgentMemory {
  return { poolSince: {}, setbacks: {}, summarised: {}, generations: new Map(), written: new Map() };
}

/** What was read of the cluster is not acted on any more. */
export function outdate(memory: AgentMemory): void {
  if (memory.cluster !== undefined) memory.cluster = { ...memory.cluster, at: Number.NEGATIVE_INFINITY };
}

/** A clock that goes back by less is only corrected. */
const SET_BACK_MS = 60_000;

/**
 * Forgets what is due when, if the clock has been set back since the last look: it was ahead, and nothing is to be
 * waited for until it would be there again.
 */
export function noteLook(memory: AgentMemory, now: number): void {
  const { lookedAt = now } = memory;
  memory.lookedAt = now;
  if (lookedAt - now < SET_BACK_MS) return;
  memory.setbacks = {};
  memory.summarised = {};
  memory.generations.clear();
}

/** How long a watch may take to tell what was written. */
const TOLD_WITHIN_MS = 10_000;

/**
 * The newer one of what a watch tells and what this agent has written itself. API servers count the versions of all
 * objects in one number.
 */
export function newest<T extends Machine | MachinePool>(
  { written }: AgentMemory,
  key: string,
  told: T | undefined,
  now: number,
): T | undefined {
  const own = written.get(key);
  if (own === undefined) return told;
  const versionOf = (object: Machine | MachinePool) => Number(object.metadata.resourceVersion ?? 0);
  const isOver =
    told === undefined ? Math.abs(now - own.at) > TOLD_WITHIN_MS : versionOf(told) >= versionOf(own.object);
  if (!isOver) return own.object as T;
  written.delete(key);
  return told;
}
