import { createWriteStream, type WriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { interrupted, K3osError } from "../errors.ts";
import { CommandFailure, type RunOptions, runCommand } from "../process/run.ts";
import type { Progress } from "../progress.ts";
import { digestOf } from "./digest.ts";
import type { Store } from "./store.ts";

/** One piece of a build. Its result is a directory in the store, named by `name` and the digest of `inputs`. */
export interface Step {
  readonly name: string;
  readonly title: string;
  /** Everything that the result depends on; results of other steps by their paths. */
  readonly inputs: unknown;
  /** Fills `work.out`. What it returns is shown behind the title, such as a size. */
  run(work: Work): Promise<string | undefined>;
}

/** What a running step has to do with. */
export interface Work {
  /** Where the result goes: an empty directory. */
  readonly out: string;
  /** For what is not part of the result; removed afterwards. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Runs a program whose output goes to the step's log, and returns its standard output. */
  command(argv: readonly string[], options?: Omit<RunOptions, "signal">): Promise<string>;
  log(line: string): void;
  /** Shows a detail behind the title. */
  update(detail: string): void;
}

export interface Runner {
  readonly signal: AbortSignal;
  /** Does the step unless its result is there. Returns the path of the result. */
  run(step: Step): Promise<string>;
  /** Paths of the results that were made or found so far. */
  readonly used: ReadonlySet<string>;
  /** Whether any of them was made, not found. */
  readonly made: boolean;
}

export interface RunnerOptions {
  readonly store: Store;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a recipe: a function that calls `runner.run` for its steps, side by side where it does not await one before the
 * next. The first failure stops all others, and is thrown when they have ended.
 */
export async function runRecipe<T>(options: RunnerOptions, recipe: (runner: Runner) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const running = new Set<Promise<unknown>>();
  const used = new Set<string>();
  let firstFailure: unknown;
  let made = false;
  const runner: Runner = {
    signal,
    used,
    get made() {
      return made;
    },
    run(step) {
      if (!options.store.has(keyOf(step))) made = true;
      const result = runStep(step, options.store, options.progress, signal);
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

async function runStep(step: Step, store: Store, progress: Progress, signal: AbortSignal): Promise<string> {
  if (signal.aborted) throw interrupted();
  const key = keyOf(step);
  const display = progress.step(step.title);
  if (store.has(key)) {
    await store.touch(key);
    display.done("cached");
    return store.path(key);
  }
  const logPath = join(store.directory("logs"), `${key}.log`);
  let note: string | undefined;
  try {
    const outcome = await store.make(key, signal, async (out) => {
      const scratch = await mkdtemp(join(store.directory("unfinished"), `${key}.`));
      // A log that cannot be written (a full disk, say) is no reason of its own to fail.
      const log = createWriteStream(logPath).on("error", () => {});
      try {
        note = await step.run(workIn(out, scratch, log, signal, (detail) => display.update(detail)));
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
    if (!(error instanceof K3osError && error.kind === "interrupted")) display.fail(logPath);
    throw error instanceof K3osError ? error : asBuildError(step, logPath, error);
  }
}

const keyOf = ({ name, inputs }: Step) => `${name}-${digestOf(inputs).slice(0, 20)}`;

function workIn(
  out: string,
  scratch: string,
  log: WriteStream,
  signal: AbortSignal,
  update: (detail: string) => void,
): Work {
  const line = (text: string) => void log.write(`${text}\n`);
  return {
    out,
    scratch,
    signal,
    update,
    log: line,
    async command(argv, options = {}) {
      line(`+ ${argv.join(" ")}`);
      const onErrorLine = (text: string) => {
        line(text);
        options.onErrorLine?.(text);
      };
      try {
        return await runCommand(argv, { ...options, onErrorLine, signal });
      } catch (error) {
        if (error instanceof CommandFailure && error.stdout) line(error.stdout);
        line(String(error));
        throw error;
      }
    },
  };
}

function asBuildError(step: Step, logPath: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const stderr = error instanceof CommandFailure ? error.stderr : "";
  if (code === "ENOSPC" || stderr.includes("No space left on device")) {
    return new K3osError("host", `The disk is full: ${step.title} could not be finished.`, {
      hint: "Free some space, or let XDG_CACHE_HOME point to a larger disk.",
      cause: error,
    });
  }
  if (!(error instanceof CommandFailure) && code === undefined) return error;
  const reason = (error as Error).message;
  return new K3osError("build", `${step.title} failed: ${reason}`, { hint: `The whole log: ${logPath}`, cause: error });
}
