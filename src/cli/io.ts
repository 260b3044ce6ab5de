import type { Writable } from "node:stream";

/** Where text goes. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** What a command has of the world besides files and programs. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C; its reason is the error to throw. */
  readonly signal: AbortSignal;
}

/** Whether escape sequences may be written there. */
export function isTerminal(output: Output, env: Io["env"]): boolean {
  return output.isTTY === true && env.TERM !== "dumb";
}

/** Whether lines may be redrawn there: a terminal without a size (a pseudo-terminal of a CI, say) has no room for that. */
export function canRedraw(output: Output, env: Io["env"]): boolean {
  return isTerminal(output, env) && (output.columns ?? 0) > 20 && (output.rows ?? 0) > 5;
}

/** Whether it may be coloured (https://no-color.org). */
export function hasColours(output: Output, env: Io["env"]): boolean {
  return isTerminal(output, env) && !env.NO_COLOR;
}

export function printLine(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** A result for scripts: one object, indented for those who read it. */
export function printJson(io: Io, value: unknown): void {
  printLine(io, JSON.stringify(value, undefined, 2));
}
