/** What an agent sees before it decides. All times are milliseconds since 1970, except `uptime`. */
import type { ImageKind } from "../image/fitting.ts";
import type { Effect, Machine, MachineStatus } from "../kubernetes/machine.ts";
import type { MachineConfig } from "../kubernetes/machine-config.ts";
import type { MachinePool, Turn } from "../kubernetes/machine-pool.ts";
import type { NodeObject } from "../kubernetes/node.ts";
import type { LabelPatch } from "./node-labels.ts";

export interface Observed {
  readonly now: number;
  /** Milliseconds since the kernel started: a clock that nobody sets, and that tells nothing in another boot. */
  readonly uptime: number;
  /** Whether the clock is known to be right. Without that no window is open, and no time that others wrote counts. */
  readonly clockTrusted: boolean;
  /** The own Node; `undefined` as long as the kubelet has not registered it. */
  readonly node: NodeObject | undefined;
  /** The own Machine; `undefined` if there is none. */
  readonly machine: Machine | undefined;
  /** All pools, as the watch tells them. */
  readonly pools: readonly MachinePool[];
  /** All MachineConfigs, likewise. */
  readonly configs: readonly MachineConfig[];
  readonly local: LocalState;
  /** All Nodes, Machines and pools, as they were last read. */
  readonly cluster?: Cluster | undefined;
  /** The window of the pool that is open, or else its next one; `undefined` if it has none. */
  readonly window?: { readonly start: number; readonly end: number } | undefined;
  /** Why its windows are not known, as a sentence. */
  readonly windowProblem?: string | undefined;
  readonly wanted: Wanted;
  /** What the Machine tells of its config. */
  readonly parts: Pick<MachineStatus, "config" | "plan" | "drift">;
  readonly memory: Memory;
}

/** Read from the datastore, not from a cache, so that a turn that was taken before is in it. */
export interface Cluster {
  readonly at: number;
  readonly nodes: readonly NodeObject[];
  readonly machines: readonly Machine[];
  readonly pools: readonly MachinePool[];
}

/** What this node is, whatever the API says. */
export interface LocalState {
  /** The kernel's boot_id: another one after each restart. */
  readonly bootId: string;
  /** Whether the node runs from a disk, so that it has slots and remembers what it did. */
  readonly hasSlots: boolean;
  readonly image: NonNullable<MachineStatus["image"]>;
  /** The machines that the image is for. */
  readonly kind: ImageKind;
  readonly slots: NonNullable<MachineStatus["slots"]>;
  readonly boot?: MachineStatus["boot"];
  /** Whether this boot is a trial that is not decided yet. */
  readonly onTrial: boolean;
  /** Why no image can be put into a slot now, whatever image it is. */
  readonly hindrance?: string | undefined;
  /** Digest of the image that is whole in the slot that is not in use. */
  readonly staged?: string | undefined;
  /** Images that were tried and given up. */
  readonly refused: readonly GivenUp[];
  readonly note: AgentNote;
}

/** What was given up on this node, and is not tried again by itself. */
export interface GivenUp {
  /** Digest of an image, or the `key` of another change. */
  readonly key: string;
  /** One sentence, without a full stop. */
  readonly message: string;
  readonly at: number;
}

/** What an agent remembers on its disk. */
export interface AgentNote {
  /** What the node is being disrupted for; from before the cordon until the turn is given back. */
  readonly work?: Work | undefined;
  /** The `restartedAt` that this node has restarted for. */
  readonly restarted: ByOwner;
  /** The `retry` that was heeded. */
  readonly retried: ByOwner;
  /** Other than images, which the journal of the slots remembers. */
  readonly givenUp: readonly GivenUp[];
  /** The pool that says which image this node runs; `k3os.upgrade.auto` does nothing then. */
  readonly imageFrom?: string | undefined;
}

/** A text that pool and Machine each have one of. */
export interface ByOwner {
  readonly pool?: string;
  readonly machine?: string;
}

export interface Work {
  readonly pool: string;
  readonly reason: Turn["reason"];
  /** What it is for: the digest of an image, the revision of a config, the time of a restart. */
  readonly key: string;
  readonly startedAt: number;
  /** Likewise, by the `uptime` of that boot. */
  readonly startedUptime: number;
  readonly image?: WantedImage | undefined;
  /** The boot in which it began, or in which the node was last told to restart into a trial. */
  readonly bootId: string;
  /** Whether the pods have to leave the node before it stops. */
  readonly drain: boolean;
  /** Whether they have left. */
  readonly drained?: boolean;
  /** Whether the node was told to restart. */
  readonly stopping?: boolean;
  /** What a restart answers, beside `key`. */
  readonly restarted: ByOwner;
  /** Settings of the pool for the trial. */
  readonly trial?: MachinePool["spec"]["trial"];
}

export interface WantedImage {
  readonly version: string;
  readonly digest: string;
  /** Those of the config if not given. */
  readonly source?: string | undefined;
  readonly channel?: string | undefined;
  readonly allowDowngrade: boolean;
}

/** What the config of the cluster wants here, beside what is applied. */
export interface Wanted {
  readonly config?: WantedConfig | undefined;
  /** What the own Node is to be told of its labels. */
  readonly labels?: LabelPatch | undefined;
  /** `k3os.upgrade.deadline` of the node, by which a trial ends if the pool says nothing else. */
  readonly deadline?: string | undefined;
}

export interface WantedConfig {
  /** `sha256:<hex>` of the layer. */
  readonly revision: string;
  /** The most that any of its changes does. */
  readonly effect: Effect;
  /** Why it is not applied. */
  readonly refused?: string | undefined;
}

/** What this process remembers. Nothing depends on it but when something is tried, so it may be lost at any time. */
export interface Memory {
  /** Since when the current `metadata.generation` of a pool is known here, by its name. */
  readonly poolSince: Readonly<Record<string, number>>;
  /** What did not work last, by the kind of action. */
  readonly setbacks: Readonly<Record<string, Setback | undefined>>;
  /** What still hinders the drain, as one sentence. */
  readonly draining?: string | undefined;
  /** When this agent last compared the status of a pool with what it should be, by the pool's name. */
  readonly summarised: Readonly<Record<string, Summarised | undefined>>;
  /** How this Machine is, in a word, and since when. */
  readonly state?: { readonly word: string; readonly since: number } | undefined;
}

export interface Summarised {
  readonly at: number;
  /** `state.word` at that time. */
  readonly word: string;
  /** How often in a row there was nothing to write. */
  readonly unchanged: number;
}

export interface Setback {
  /** What it was for. */
  readonly key: string;
  readonly message: string;
  /** A word in CamelCase, if there is one. */
  readonly reason?: string | undefined;
  /** Whether nothing but a change somewhere can help. */
  readonly lasting: boolean;
  /** When it is tried again. */
  readonly until: number;
  /** How often it has not worked. */
  readonly times: number;
}
