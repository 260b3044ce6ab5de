import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import type { Command } from "../process/run.ts";

/**
 * Moves what a failed step has made so far to `directory`: `out`, `scratch`, and `command.sh`, which runs the failed
 * command again. Returns `directory`.
 */
export function keepFailedStep(
  directory: string,
  made: { readonly out: string; readonly scratch: string },
  failed: Command | undefined,
): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  let script = failed === undefined ? undefined : shellScript(failed);
  for (const [name, path] of Object.entries(made)) {
    const place = join(directory, name);
    renameSync(path, place);
    script = script?.replaceAll(path, place);
  }
  if (script !== undefined) writeFileSync(join(directory, "command.sh"), script, { mode: 0o755 });
  return directory;
}

/** The same failure, whose hint also says where the files of the step are. */
export function tellWhereKept(failure: unknown, directory: string): K3osError {
  const { kind, message, hint, cause } =
    failure instanceof K3osError
      ? failure
      : { kind: "build" as const, message: String(failure), hint: undefined, cause: failure };
  const command = existsSync(join(directory, "command.sh")) ? "; `command.sh` there runs the failed command again" : "";
  const place = `The files of the failed step are kept in ${directory}${command}.`;
  return new K3osError(kind, message, { hint: hint === undefined ? place : `${hint}\n${place}`, cause });
}

/** Runs a program by hand as the step has run it. */
function shellScript({ argv, cwd, env = {} }: Command): string {
  const directory = cwd === undefined ? [] : [`cd ${quoted(cwd)}`];
  const variables = Object.entries(env).map(([name, value]) =>
    value === undefined ? `unset ${name}` : `export ${name}=${quoted(value)}`,
  );
  return `${["#!/bin/sh", ...directory, ...variables, `exec ${argv.map(quoted).join(" ")}`].join("\n")}\n`;
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
