import { join } from "node:path";
import { findProject } from "../../build/project.ts";
import { show } from "../../process/run.ts";
import type { Io } from "../io.ts";
import type { Tally } from "./tally.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Receives standard output line by line. It is not shown then. */
  readonly onLine?: (line: string) => void;
  /** The same for standard error. */
  readonly onErrorLine?: (line: string) => void;
}

/** Runs a program of the project, shows its output, and returns its status. Ctrl-C stops the program, too. */
export function runTool(argv: readonly string[], io: Io, options: RunOptions = {}): Promise<number> {
  const { cwd, env, ...receivers } = options;
  const project = findProject();
  const path = `${join(project, "node_modules/.bin")}:${io.env.PATH ?? ""}`;
  return show({ argv, cwd: cwd ?? project, env: { PATH: path, ...env } }, { signal: io.signal, ...receivers });
}

/** Runs a program that counts as one test. */
export async function check(argv: readonly string[], io: Io, options: RunOptions = {}): Promise<Tally> {
  const passed = (await runTool(argv, io, options)) === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}
