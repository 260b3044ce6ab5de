/** What a kind of step consists of in the pure half. `src/node/apply/steps` has the half that touches the node. */
import type { Network } from "../network/schema.ts";
import type { Step, StepData, StepName } from "./step.ts";

export interface StepKind<K extends StepName> {
  /** Describes the step in one line without secrets. Different steps of a plan may have the same line. */
  describe(step: Step<K>): string;
  /** The files that the step consists of; `undefined` if their content is only known when the step is applied. */
  files?(step: Step<K>, read: ReadFile): readonly RenderedFile[] | undefined;
  /** The paths that it writes, if it has no `files`. */
  paths?(step: Step<K>): readonly string[];
  /**
   * Whether nothing is left to do; `undefined` if that cannot be observed. In that case, and without this function, a
   * step is satisfied when its `files` are there, or, if it has none, once it was applied in this boot.
   */
  isSatisfied?(step: Step<K>, observation: Observation<K>): boolean | undefined;
  /** Whether k3s must be restarted to notice the change. Without this function, it need not. */
  isReadByK3s?(step: Step<K>, observation: Observation<K>): boolean;
}

/** A missing kind, or one with another kind's step, does not compile. */
export type StepKinds = { readonly [K in StepName]: StepKind<K> };

/** What is observed of a node for a step, by kind. Kinds that are not here consist of files, or leave no trace. */
export interface Observations {
  /** Whether the module is loaded or built in. In its name, `-` and `_` are the same. */
  readonly module: boolean;
  /** `undefined` if the kernel does not have the key. */
  readonly sysctl: string | undefined;
  readonly hostname: string;
  /** The user's password field in /etc/shadow. */
  readonly password: string | undefined;
  /** The zone that /etc/localtime links to; `undefined` if it is no such link. */
  readonly timezone: string | undefined;
  /** Whether something is mounted there. */
  readonly mount: boolean;
  /** `undefined` if there is none of this name. */
  readonly account: ObservedAccount | undefined;
  /** The texts of its files, by path; none of files that do not exist. */
  readonly k3s: Readonly<Record<string, string>>;
  /** Whether the manifest was written, or the user has his own file. */
  readonly manifest: boolean;
  readonly "remote-manifest": boolean;
  /** The network that was last configured since the machine was started. */
  readonly network: ObservedNetwork | undefined;
}

export type Observation<K extends StepName> = K extends keyof Observations ? Observations[K] : undefined;

/** What steps have left on a node, by the kind of step that undoes or completes it. No config asks for these steps. */
export interface Leftovers {
  /** The accounts that steps made. */
  readonly "no-account": readonly string[];
  /** Files that a step wrote since the machine was started and that have not changed since. */
  readonly restore: readonly string[];
  /** The values before steps set them since the machine was started, of keys that nobody has changed since. */
  readonly "restore-sysctl": Readonly<Record<string, string>>;
  /** Whether a network was configured since the machine was started. */
  readonly "no-network": boolean;
  /** Whether k3s has been started, and whether something that it reads at its start has changed since. */
  readonly "restart-k3s": { readonly started: boolean; readonly outdated: boolean };
}

/** `groups` are sorted and do not contain the account's own. */
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

/** Reads an existing file; `undefined` if there is none. For steps that change only a part of a file. */
export type ReadFile = (path: string) => string | undefined;
