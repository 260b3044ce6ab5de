import { CommanderError } from "commander";
import { interrupted, K3osError } from "../errors.ts";

import type { Io } from "./io.ts";
import { createProgram } from "./program.ts";
import { ExitWith, reportError } from "./report.ts";

/**
 * The exit status for what was thrown: 2 for a command line that cannot be understood, 130 for Ctrl-C, 1 for the rest.
 */
export function statusOf(error: unknown): number {
  if (error instanceof ExitWith) return error.status;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof K3osError)) return 1;
  if (error.kind === "usage") return 2;
  return error.kind === "interrupted" ? 130 : 1;
}

/** Runs a command line to its end and returns the exit status. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(argv, { from: "user" });
    return 0;
  } catch (thrown) {
    // After Ctrl-C, report the interruption and not what broke because of it.
    const error: unknown = io.signal.aborted ? io.signal.reason : thrown;
    reportError(error, io);
    return statusOf(error);
  }
}

/** How long cleaning up may take before a second Ctrl-C ends it. */
const patienceMs = 5000;

/** Runs this process's command line and ends the process. Only this function calls `process.exit`. */
export async function runAndExit(argv: readonly string[]): Promise<void> {
  const stop = new AbortController();
  let stopping = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      // The first signal lets the command clean up. A later second one ends the process at once.
      if (stop.signal.aborted && performance.now() - stopping > patienceMs) process.exit(130);
      if (!stop.signal.aborted) stopping = performance.now();
      stop.abort(interrupted());
    });
  }
  // A reader may stop early, as in "| head": no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  const { stdout, stderr, env } = process;
  const status = await run(argv, { stdout, stderr, env, signal: stop.signal });
  // Wait until the output has been written to its pipes.
  stdout.write("", () => stderr.write("", () => process.exit(status)));
}
