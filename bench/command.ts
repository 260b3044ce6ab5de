import type { Command } from "commander";
import { statusOf } from "../src/cli/exit.ts";
import type { Io } from "../src/cli/io.ts";
import { reportError } from "../src/cli/report.ts";
import { interrupted } from "../src/errors.ts";

/** Runs one of the bench's commands and ends this process with its status. Ctrl-C stops what it started, then the command. */
export async function runAndExit(create: (io: Io) => Command): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort(interrupted()));
  const { stdout, stderr, env } = process;
  const io: Io = { stdout, stderr, env, signal: stop.signal };
  let status = 0;
  try {
    await create(io).exitOverride().parseAsync();
  } catch (thrown) {
    const error: unknown = stop.signal.aborted ? stop.signal.reason : thrown;
    reportError(error, io);
    status = statusOf(error);
  }
  stdout.write("", () => stderr.write("", () => process.exit(status)));
}
