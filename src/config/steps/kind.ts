/** What a kind of step consists of in the pure half. `src/node/apply/steps` has the half that touches the node. */
import type { Network } from "../network/schema.ts";
import type { Step, StepData, StepName } from "./step.ts";

export interface StepKind<K extends StepName> {
  /** What the step does, in one line without secrets. Steps of a plan that differ may have the same line. */
  describe(step: Step<K>): string;
  /** The files that the step amounts to; `undefined` where only applying it tells what is in them. */
  files?(step: Step<K>, read: ReadFile): readonly RenderedFile[] | undefined;
  /** The paths that it writes, where `files` does not tell them. */
  paths?(step: Step<K>): readonly string[];
  /**
   * Whether nothing is left to do. `undefined` if that cannot be seen; without this function it never can. Then a step
   * is satisfied when its `files` are there, or, if it has none, once it was applied in this boot.
   */
  isSatisfied?(step: Step<K>, observation: Observation<K>): boolean | undefined;
  /** Whether k3s must be restarted to notice the change. Without this function it need not. */
  isReadByK3s?(step: Step<K>, observation: Observation<K>): boolean;
}

/** A kind that is missing, or whose step is another one, does not compile. */
export type StepKinds = { readonly [K in StepName]: StepKind<K> };

/** What is observed of a node for a step, by its kind. Kinds that are not here consist of files, or leave no trace. */
export interface Observations {
  /** Whether the module is loaded or built in; `-` and `_` are the same in its name. */
  readonly module: boolean;
  /** `undefined` if the kernel does not know it. */
  readonly sysctl: string | undefined;
  readonly hostname: string;
  /** What /etc/shadow has for the user. */
  readonly password: string | undefined;
  /** The zone that /etc/localtime links to; `undefined` if it is no such link. */
  readonly timezone: string | undefined;
  /** Whether something is mounted there. */
  readonly mount: boolean;
  /** `undefined` if there is none of this name. */
  readonly account: ObservedAccount | undefined;
  /** Whether the manifest was put there, or the user has one of his own. */
  readonly manifest: boolean;
  readonly "remote-manifest": boolean;
  /** The network that was last configured since the machine was started. */
  readonly network: ObservedNetwork | undefined;
}

export type Observation<K extends StepName> = K extends keyof Observations ? Observations[K] : undefined;

/** What steps have left on a node, by the kind of step that it may call for although no config asks for one. */
export interface Leftovers {
  /** The accounts that steps made. */
  readonly "no-account": readonly string[];
  /** Files that a step wrote since the machine was started and that are still as it left them. */
  readonly restore: readonly string[];
  /** Whether a network was configured since the machine was started. */
  readonly "no-network": boolean;
  /** Whether k3s has been started, and whether that was before something changed that it reads then. */
  readonly "restart-k3s": { readonly started: boolean; readonly outdated: boolean };
}

/** `groups` in order, without the account's own. */
export type ObservedAccount = Omit<StepData["account"], "user">;

export interface ObservedNetwork {
  readonly network: Network;
  /** Whether all of it could be configured. */
  readonly complete: boolean;
}

export interface RenderedFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
  readonly owner?: string;
}

/** Reads a file that is there already, `undefined` if it is not: needed where a step changes only a part of one. */
export type ReadFile = (path: string) => string | undefined;
