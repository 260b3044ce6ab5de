import { readNamedFile } from "../build/read-file.ts";
import { load } from "../config/load.ts";
import type { Problem } from "../config/problem.ts";
import { K3osError } from "../errors.ts";
import type { Io } from "./io.ts";
import { reportProblems } from "./report.ts";

export interface CheckedFile {
  readonly text: string;
  readonly problems: readonly Problem[];
  readonly valid: boolean;
}

/**
 * Checks a config.yaml as a node would read it. Unlike on a node, a key without effect is an error, unless `lenient`.
 */
export function checkConfigFile(path: string, { lenient = false, text = readNamedFile(path) } = {}): CheckedFile {
  const { problems } = load([{ name: path, kind: "userdata", text }], { strict: !lenient });
  return { text, problems, valid: !problems.some(({ severity }) => severity === "error") };
}

/** Reads and checks a config.yaml for a node, and reports every problem before anything is built or booted. */
export function requireConfigFile(path: string, io: Io): string {
  const { text, problems, valid } = checkConfigFile(path);
  reportProblems(problems, io);
  if (valid) return text;
  throw new K3osError("config", `${path} has mistakes: nothing was done.`, {
    hint: `When they are corrected: ./k3os config check ${path}`,
  });
}
