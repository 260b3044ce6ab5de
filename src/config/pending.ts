import { sameBytes, utf8 } from "./bytes.ts";
import { kindOf } from "./steps/index.ts";
import type { Leftovers, Observation, ReadFile, RenderedFile } from "./steps/kind.ts";
import { undoAccounts } from "./steps/no-account.ts";
import { undoNetwork } from "./steps/no-network.ts";
import { undoFiles } from "./steps/restore.ts";
import { undoSysctls } from "./steps/restore-sysctl.ts";
import type { Step, StepName } from "./steps/step.ts";

/** The state of a node. It is read only as far as the steps need it. */
export interface Observed {
  /** Observes what the step's kind needs to know. */
  observe<K extends StepName>(step: Step<K>): Observation<K>;
  /** What earlier steps left on the node. */
  leftovers<K extends keyof Leftovers>(kind: K): Leftovers[K];
  /** `undefined` if there is no regular file. */
  file(path: string): ObservedFile | undefined;
  /** The text of a file before a step wrote it; `undefined` if there was none. */
  original(path: string): string | undefined;
  /**
   * Whether this very step was applied since the machine was started. For steps that leave no trace, such as commands.
   */
  done<K extends StepName>(step: Step<K>): boolean;
}

export interface ObservedFile {
  readonly content: Uint8Array;
  readonly mode: number;
  /** Whether chown(1) to this owner would change nothing. */
  ownedBy(owner: string): boolean;
}

/**
 * The steps that are not satisfied yet, in their order; none on a node that is up to date. Before them come steps that
 * undo what an earlier config did, where that is cheap and safe: accounts, the network, and files and sysctls that are
 * still as they were written.
 */
export function pending(steps: readonly Step[], observed: Observed): readonly Step[] {
  const read = (path: string) => observed.original(path);
  // A file of the user's may replace one that another step writes. Then that other step has nothing to write.
  const ofUser = new Set(steps.map((step) => (step.kind === "file" ? step.path : "")));
  const due = new Set(steps.filter((step) => !isSatisfied(step, observed, ofUser)));
  const overwritten = new Set([...due].flatMap((step) => (step.kind === "file" ? [] : pathsOf(step, read))));
  for (const step of steps) if (step.kind === "file" && overwritten.has(step.path)) due.add(step);
  const all = [...undoing(steps, observed, read), ...steps.filter((step) => due.has(step))];
  const { started, outdated } = observed.leftovers("restart-k3s");
  return started && (outdated || all.some((step) => isReadByK3s(step, observed)))
    ? [...all, { phase: "runtime", kind: "restart-k3s" }]
    : all;
}

function undoing(steps: readonly Step[], observed: Observed, read: ReadFile): Step[] {
  const paths = new Set(steps.flatMap((step) => pathsOf(step, read)));
  return [
    ...undoAccounts(observed.leftovers("no-account"), steps),
    ...undoFiles(observed.leftovers("restore"), paths),
    ...undoSysctls(observed.leftovers("restore-sysctl"), steps),
    ...undoNetwork(observed.leftovers("no-network"), steps),
  ];
}

function isReadByK3s<K extends StepName>(step: Step<K>, observed: Observed): boolean {
  const kind = kindOf(step);
  return kind.isReadByK3s?.(step, observed.observe(step)) ?? false;
}

function isSatisfied<K extends StepName>(step: Step<K>, observed: Observed, ofUser: ReadonlySet<string>): boolean {
  const kind = kindOf(step);
  const seen = kind.isSatisfied?.(step, observed.observe(step));
  if (seen !== undefined) return seen;
  const files = kind.files?.(step, (path) => observed.original(path));
  if (files === undefined) return observed.done(step);
  return files.every((file) => (step.kind !== "file" && ofUser.has(file.path)) || isThere(file, observed));
}

function pathsOf<K extends StepName>(step: Step<K>, read: ReadFile): readonly string[] {
  const kind = kindOf(step);
  return kind.paths?.(step) ?? (kind.files?.(step, read) ?? []).map(({ path }) => path);
}

/** Paths of the files of a step that are not as it writes them; all that it names if their content is not known. */
export function outdatedPaths<K extends StepName>(step: Step<K>, observed: Observed): readonly string[] {
  const kind = kindOf(step);
  const files = kind.files?.(step, (path) => observed.original(path));
  if (files === undefined) return kind.paths?.(step) ?? [];
  return files.filter((file) => !isThere(file, observed)).map(({ path }) => path);
}

function isThere({ path, content, mode, owner }: RenderedFile, observed: Observed): boolean {
  const file = observed.file(path);
  if (file === undefined || file.mode !== mode || (owner !== undefined && !file.ownedBy(owner))) return false;
  return sameBytes(file.content, typeof content === "string" ? utf8(content) : content);
}
