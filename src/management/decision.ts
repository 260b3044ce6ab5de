/** What an agent can do next, and how it says so. */

import type { Machine, MachineReason } from "../kubernetes/machine.ts";
import type { MachinePool, Turn } from "../kubernetes/machine-pool.ts";
import { isReady, type NodeObject } from "../kubernetes/node.ts";
import type { LabelPatch } from "./node-labels.ts";
import type { ByOwner, Observed, Setback, WantedImage, Work } from "./observed.ts";
import type { Summary } from "./summary.ts";

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

/** Whether the cordon of a Node is its own agent's, which then takes it away. */
export const cordonedByAgent = (node: NodeObject) => node.metadata.annotations?.[CORDONED] !== undefined;

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
/** When there is nothing to do, the own Node is looked at this often: its labels, and who has cordoned it. */
export const IDLE = 5 * MINUTE;
/** Between two looks at others that are in the way. */
export const WAITING = 20 * SECOND;
/** Between two passes of a drain, and between two looks at what ends soon. */
export const SOON = 5 * SECOND;

/** Nothing is done now; `again` is in milliseconds. */
export function wait(reason: MachineReason, message: string, again: number): Decision {
  return { action: { kind: "Nothing" }, reason, message, again: Math.max(again, SECOND) };
}

/** A step, after which is looked again at once. */
export function act(action: Action, reason: MachineReason, message: string): Decision {
  return { action, reason, message, again: 0 };
}

/** The turn is over without a disruption: others may go. */
export function giveBack(pool: MachinePool, reason: MachineReason, message: string): Decision {
  return act({ kind: "GiveTurnBack", pool: pool.metadata.name }, reason, message);
}

/** What did not work before, and is not tried again yet. */
export function setbackOf({ memory, now }: Observed, action: Action["kind"], key: string): Setback | undefined {
  const setback = memory.setbacks[action];
  return setback !== undefined && setback.key === key && setback.until > now ? setback : undefined;
}

/** Whose `paused` holds this node; `undefined` if nobody's. */
export function pausedBy(machine: Machine | undefined, { spec, metadata }: MachinePool): string | undefined {
  if (machine?.spec?.paused) return "spec.paused of this Machine is true";
  return spec.paused ? `spec.paused of the pool ${metadata.name} is true` : undefined;
}

/** What pool and Machine ask for by such a key; where one says nothing any more, what it asked for `before`. */
export function askedBy(
  key: "restartedAt" | "retry",
  { machine }: Pick<Observed, "machine">,
  pool: MachinePool,
  before: ByOwner,
): ByOwner {
  const ofPool = pool.spec[key] || before.pool;
  const ofMachine = machine?.spec?.[key] || before.machine;
  return { ...(ofPool && { pool: ofPool }), ...(ofMachine && { machine: ofMachine }) };
}

/** Whether the node has become Ready in this boot; what the API says may still be of the one before. */
export function isBack({ node, local }: Pick<Observed, "node" | "local">): boolean {
  return node !== undefined && isReady(node) && node.status?.nodeInfo?.bootID === local.bootId;
}
