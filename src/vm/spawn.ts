import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { K3osError } from "../errors.ts";

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Output {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits for a program; its status, or 128 + n if signal n ended it. */
export function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new K3osError("host", `${child.spawnfile} could not be started: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

export interface OutputOptions {
  /** What the program reads; nothing by default. */
  readonly input?: string | Uint8Array | Readable;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and collects what it prints. After a timeout it is killed and the status is 124. */
export async function outputOf(command: Command, options: OutputOptions = {}): Promise<Output> {
  options.signal?.throwIfAborted();
  const [program = "", ...rest] = command.argv;
  const child = spawn(program, rest, { env: { ...process.env, ...command.env }, stdio: ["pipe", "pipe", "pipe"] });
  const end = endOf(child);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  feed(child.stdin, options.input);
  let late = false;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          child.kill("SIGKILL");
        }, options.timeoutMs);
  const abort = () => child.kill("SIGTERM");
  options.signal?.addEventListener("abort", abort);
  try {
    const status = await end;
    options.signal?.throwIfAborted();
    return { status: late ? 124 : status, ...texts };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
  }
}

/** A program may end before it has read everything: its status tells, not the broken pipe. */
function feed(stdin: Writable, input: string | Uint8Array | Readable | undefined): void {
  stdin.on("error", () => {});
  if (input === undefined || typeof input === "string" || input instanceof Uint8Array) stdin.end(input);
  else pipeline(input, stdin).catch(() => {});
}
