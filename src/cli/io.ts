import type { Writable } from "node:stream";

/** An output stream, possibly a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** The streams, environment and stop signal of a command. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C; its reason is the error to throw. */
  readonly signal: AbortSignal;
}

/** Whether escape sequences may be written to the output. */
export function isTerminal(output: Output, env: Io["env"]): boolean {
  return output.isTTY === true && env.TERM !== "dumb";
}

/** Whether lines may be redrawn on the output. A terminal without a size, as in CI, does not allow that. */
export function canRedraw(output: Output, env: Io["env"]): boolean {
  return isTerminal(output, env) && (output.columns ?? 0) > 20 && (output.rows ?? 0) > 5;
}

/** Whether the output may be coloured (https://no-color.org). */
export function hasColours(output: Output, env: Io["env"]): boolean {
  return isTerminal(output, env) && !env.NO_COLOR;
}

export function printLine(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Prints a result for scripts as one indented JSON object. */
export function printJson(io: Io, value: unknown): void {
  printLine(io, JSON.stringify(value, undefined, 2));
}
