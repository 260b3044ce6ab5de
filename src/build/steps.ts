import { createWriteStream, type WriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { interrupted, K3osError } from "../errors.ts";
import { type Command, CommandFailure, type RunOptions, runCommand } from "../process/run.ts";
import type { Progress, ProgressStep } from "../progress.ts";
import { digestOf } from "./digest.ts";
import { keepFailedStep, tellWhereKept } from "./failed-step.ts";
import { identity } from "./identity.ts";
import type { Maker } from "./makers.ts";
import type { Store } from "./store.ts";

/** One piece of a build. Its result is a directory in the store, named by `name` and the digest of parts and maker. */
export interface Step<Parts = unknown, Makers extends string = Maker> {
  readonly name: string;
  readonly title: string;
  /** The module whose code makes the result: part of the result's identity, with all that it imports. */
  readonly maker: Makers;
  /** Everything that the result depends on besides its maker, as `identity` reads it; other results by their paths. */
  readonly parts: Parts;
  /** Fills `work.out` from the parts. What it returns is shown behind the title, such as a size. */
  make(work: Work, parts: Parts): Promise<string | undefined>;
}

/** What a running step has to do with. */
export interface Work {
  /** Where the result goes: an empty directory. */
  readonly out: string;
  /** For what is not part of the result; removed afterwards. */
  readonly scratch: string;
  /** Processors to use; all if not given. They must not change the result. */
  readonly jobs: number | undefined;
  readonly signal: AbortSignal;
  /** Runs a program whose output goes to the step's log, and returns its standard output. */
  command(argv: readonly string[], options?: Omit<RunOptions, "signal">): Promise<string>;
  log(line: string): void;
  /** Shows a detail behind the title. */
  update(detail: string): void;
}

export interface Runner<Makers extends string = Maker> {
  readonly signal: AbortSignal;
  /** Does the step unless its result is there. Returns the path of the result. */
  run<Parts>(step: Step<Parts, Makers>): Promise<string>;
  /** Paths of the results that were made or found so far. */
  readonly used: ReadonlySet<string>;
  /** Whether any of them was made, not found. */
  readonly made: boolean;
}

export interface RunnerOptions<Makers extends string = Maker> {
  readonly store: Store;
  readonly progress: Progress;
  /** Identity of each maker's code: `makerDigests`. */
  readonly makers: Readonly<Record<Makers, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly jobs?: number | undefined;
  /** Keep the directories of a step that fails, and tell where they are. */
  readonly keepFailed?: boolean | undefined;
}

/**
 * Runs a recipe: a function that calls `runner.run` for its steps, side by side where it does not await one before the
 * next. The first failure stops all others, and is thrown when they have ended.
 */
export async function runRecipe<T, Makers extends string = Maker>(
  options: RunnerOptions<Makers>,
  recipe: (runner: Runner<Makers>) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const running = new Set<Promise<unknown>>();
  const used = new Set<string>();
  let firstFailure: unknown;
  let made = false;
  const runner: Runner<Makers> = {
    signal,
    used,
    get made() {
      return made;
    },
    run(step) {
      const key = keyOf(step, options.makers);
      if (!options.store.has(key)) made = true;
      const result = runStep(step, key, { ...options, signal });
      const tracked = result
        .then((path) => used.add(path))
        .catch((error) => {
          firstFailure ??= error;
          stop.abort(interrupted());
        })
        .finally(() => running.delete(tracked));
      running.add(tracked);
      return result;
    },
  };
  try {
    return await recipe(runner);
  } catch (error) {
    stop.abort(interrupted());
    while (running.size > 0) await Promise.all(running);
    if (options.signal?.aborted) throw interrupted();
    throw firstFailure ?? error;
  }
}

type StepOptions = Omit<RunnerOptions<never>, "makers" | "signal"> & { readonly signal: AbortSignal };

async function runStep<Parts>(step: Step<Parts, string>, key: string, options: StepOptions): Promise<string> {
  const { store, progress, signal } = options;
  if (signal.aborted) throw interrupted();
  const display = progress.step(step.title);
  if (store.has(key)) {
    await store.touch(key);
    display.done("cached");
    return store.path(key);
  }
  const logPath = join(store.directory("logs"), `${key}.log`);
  let note: string | undefined;
  let kept: string | undefined;
  try {
    const outcome = await store.make(key, signal, async (out) => {
      const scratch = await mkdtemp(join(store.directory("unfinished"), `${key}.`));
      // A log that cannot be written (a full disk, say) is no reason of its own to fail.
      const log = createWriteStream(logPath).on("error", () => {});
      let failed: Command | undefined;
      try {
        const work = workIn({ out, scratch, jobs: options.jobs, signal }, log, display, (command) => {
          failed = command;
        });
        note = await step.make(work, step.parts);
      } catch (error) {
        if (options.keepFailed && !isInterruption(error)) {
          kept = keepFailedStep(join(store.directory("failed"), key), { out, scratch }, failed);
        }
        throw error;
      } finally {
        log.end();
        await finished(log).catch(() => {});
        await rm(scratch, { recursive: true, force: true });
      }
    });
    display.done(outcome === "found" ? "made meanwhile by another build" : note);
    return store.path(key);
  } catch (error) {
    // What was stopped did not fail: the display ends it as stopped.
    if (!isInterruption(error)) display.fail(logPath);
    const failure = error instanceof K3osError ? error : asBuildError(step.title, logPath, error);
    throw kept === undefined ? failure : tellWhereKept(failure, kept);
  }
}

function keyOf<Makers extends string>(
  { name, maker, parts }: Pick<Step<unknown, Makers>, "name" | "maker" | "parts">,
  makers: Readonly<Record<Makers, string>>,
): string {
  return `${name}-${digestOf({ parts: identity(parts), maker: makers[maker] }).slice(0, 20)}`;
}

const isInterruption = (error: unknown) => error instanceof K3osError && error.kind === "interrupted";

function workIn(
  own: Pick<Work, "out" | "scratch" | "jobs" | "signal">,
  log: WriteStream,
  display: ProgressStep,
  noteFailed: (command: Command) => void,
): Work {
  const line = (text: string) => void log.write(`${text}\n`);
  return {
    ...own,
    update: (detail) => display.update(detail),
    log: line,
    async command(argv, options = {}) {
      line(`+ ${argv.join(" ")}`);
      const onErrorLine = (text: string) => {
        line(text);
        options.onErrorLine?.(text);
      };
      try {
        return await runCommand(argv, { ...options, onErrorLine, signal: own.signal });
      } catch (error) {
        noteFailed({ argv, cwd: options.cwd, env: options.env });
        if (error instanceof CommandFailure && error.stdout) line(error.stdout);
        line(String(error));
        throw error;
      }
    },
  };
}

function asBuildError(title: string, logPath: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const stderr = error instanceof CommandFailure ? error.stderr : "";
  if (code === "ENOSPC" || stderr.includes("No space left on device")) {
    return new K3osError("host", `The disk is full: ${title} could not be finished.`, {
      hint: "Free some space, or let XDG_CACHE_HOME point to a larger disk.",
      cause: error,
    });
  }
  if (!(error instanceof CommandFailure) && code === undefined) return error;
  const reason = (error as Error).message;
  return new K3osError("build", `${title} failed: ${reason}`, { hint: `The whole log: ${logPath}`, cause: error });
}
