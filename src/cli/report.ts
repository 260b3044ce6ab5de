import { CommanderError } from "commander";
import pico from "picocolors";
import { formatProblem, type Problem } from "../config/problem.ts";
import { K3osError } from "../errors.ts";
import { hasColours, type Io } from "./io.ts";

/** Ends a command with an exit status. The reason is already printed, by the command or by a program that it ran. */
export class ExitWith extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`ends with status ${status}`);
    this.status = status;
  }
}

/** Prints what is wrong with a config.yaml, each with its line and a caret. */
export function reportProblems(problems: readonly Problem[], io: Io): void {
  for (const problem of problems) io.stderr.write(`${formatProblem(problem)}\n`);
}

/** Prints an error and its hint. */
export function reportError(error: unknown, io: Io): void {
  if (error instanceof CommanderError || error instanceof ExitWith) return; // printed already
  const colours = pico.createColors(hasColours(io.stderr, io.env));
  const say = (line: string) => io.stderr.write(`${line}\n`);
  if (error instanceof K3osError) {
    say(`${colours.red("k3os:")} ${error.message}`);
    if (error.hint !== undefined) say(indent(error.hint));
    if (io.env.K3OS_DEBUG && error.stack !== undefined) say(colours.dim(error.stack));
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  say(`${colours.red("k3os:")} This is a bug in k3OS: ${message}`);
  if (!io.env.K3OS_DEBUG) say(indent("Run it again with K3OS_DEBUG=1 and report what it prints."));
  else if (error instanceof Error) say(error.stack ?? "");
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
