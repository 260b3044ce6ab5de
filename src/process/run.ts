import { type ChildProcess, type ChildProcessWithoutNullStreams, type StdioOptions, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { K3osError } from "../errors.ts";
import { eachLine } from "./lines.ts";

export type { ChildProcess } from "node:child_process";

/** A program with its arguments. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd?: string | undefined;
  /** Added to the environment of this process; `undefined` takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface Output {
  /** The exit status, 128 + n if signal n ended the program, or 124 after a timeout. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OutputOptions {
  /** What the program reads; nothing by default. */
  readonly input?: string | Uint8Array | Readable | undefined;
  /** Kills the program after this time. */
  readonly timeoutMs?: number | undefined;
  /** Aborting stops the program with all that it started, and throws the signal's reason once the program has ended. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of standard error while the program runs. */
  readonly onErrorLine?: ((line: string) => void) | undefined;
  /** Called with all of standard output so far; the program is killed when it returns true. */
  readonly until?: ((stdout: string) => boolean) | undefined;
}

/** The time between asking a program to end and killing it. */
const gracePeriodMs = 3000;

/** Runs a program to its end and collects what it prints. */
export async function outputOf(command: Command, options: OutputOptions = {}): Promise<Output> {
  const { signal, timeoutMs, onErrorLine, until } = options;
  signal?.throwIfAborted();
  // In a group of its own, a program is stopped together with its children.
  const child = startPiped(command);
  const end = endOf(child);
  const stdout = textOf(child.stdout, (text) => until?.(text) && killGroup(child, "SIGKILL"));
  const stderr = textOf(child.stderr);
  if (onErrorLine !== undefined) eachLine(child.stderr, onErrorLine);
  feed(child.stdin, options.input);
  let isLate = false;
  const late = () => {
    isLate = true;
    killGroup(child, "SIGKILL");
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  const releases = stopOnAbort(child, signal);
  try {
    const status = await end;
    signal?.throwIfAborted();
    return { status: isLate ? 124 : status, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    releases();
  }
}

export type RunOptions = Omit<Command, "argv"> & Omit<OutputOptions, "until">;

/** Runs a program to its end and returns its standard output; another status than 0 is a `CommandFailure`. */
export async function runCommand(argv: readonly string[], { cwd, env, ...options }: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await outputOf({ argv, cwd, env }, options);
  if (status === 0) return stdout;
  throw new CommandFailure(
    argv,
    status,
    stderr
      .trimEnd()
      .split(/[\r\n]+/)
      .slice(-20)
      .join("\n"),
    stdout,
  );
}

/** A program that ended with another status than 0. */
export class CommandFailure extends Error {
  readonly status: number;
  /** Its last twenty lines. */
  readonly stderr: string;
  readonly stdout: string;

  constructor(argv: readonly string[], status: number, stderr: string, stdout: string) {
    super(`${argv[0]?.split("/").at(-1)} ended with status ${status}${stderr ? `: ${stderr.split("\n").at(-1)}` : ""}`);
    this.name = "CommandFailure";
    this.status = status;
    this.stderr = stderr;
    this.stdout = stdout;
  }
}

export interface ShowOptions {
  readonly signal?: AbortSignal | undefined;
  /** Receives standard output line by line instead of the user. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** The same for standard error. */
  readonly onErrorLine?: ((line: string) => void) | undefined;
}

/** Runs a program whose output the user sees, and returns its status. Aborting the signal ends it. */
export async function show(command: Command, options: ShowOptions = {}): Promise<number> {
  const { signal, onLine, onErrorLine } = options;
  signal?.throwIfAborted();
  const shownOr = (receive: ShowOptions["onLine"]) => (receive === undefined ? "inherit" : "pipe");
  const child = start(command, { stdio: ["ignore", shownOr(onLine), shownOr(onErrorLine)] });
  if (onLine !== undefined && child.stdout !== null) eachLine(child.stdout, onLine);
  if (onErrorLine !== undefined && child.stderr !== null) eachLine(child.stderr, onErrorLine);
  const stop = () => child.kill("SIGTERM");
  signal?.addEventListener("abort", stop);
  return endOf(child).finally(() => signal?.removeEventListener("abort", stop));
}

/** The terminal sends SIGINT to every program that runs on it. These it sends to nobody, so they are passed on. */
const passedOn = ["SIGTERM", "SIGHUP"] as const;

/** Runs a program that has this process's terminal, or pipes, to itself, and returns its status. */
export async function runForeground(command: Command): Promise<number> {
  const child = start(command, { stdio: "inherit" });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of passedOn) process.on(signal, pass);
  return endOf(child).finally(() => {
    for (const signal of passedOn) process.off(signal, pass);
  });
}

export interface StartOptions {
  readonly stdio: StdioOptions;
  /** Gives the program a process group of its own: Ctrl-C does not reach it. */
  readonly group?: boolean;
}

/** Starts a program that the caller looks after, such as a server. */
export function start({ argv, cwd, env }: Command, { stdio, group = false }: StartOptions): ChildProcess {
  const [program = "", ...args] = argv;
  return spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio, detached: group });
}

/** Starts a program in a group of its own whose input and output the caller looks after. */
export function startPiped({ argv, cwd, env }: Command): ChildProcessWithoutNullStreams {
  const [program = "", ...args] = argv;
  return spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: "pipe", detached: true });
}

/** Waits for a program; returns its status, or 128 + n if signal n ended it. */
export function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new K3osError("host", `${child.spawnfile} could not be started: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** Ends a group of processes when the signal is aborted; returns what takes that back. */
function stopOnAbort(child: ChildProcess, signal: AbortSignal | undefined): () => void {
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    killGroup(child, "SIGTERM");
    killTimer = setTimeout(() => killGroup(child, "SIGKILL"), gracePeriodMs);
  };
  signal?.addEventListener("abort", stop, { once: true });
  return () => {
    clearTimeout(killTimer);
    signal?.removeEventListener("abort", stop);
    if (signal?.aborted) killGroup(child, "SIGKILL");
  };
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function textOf(stream: Readable, onText?: (text: string) => void): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    onText?.(text);
  });
  return () => text;
}

/** A program may end before it has read everything: its status tells, not the broken pipe. */
function feed(stdin: Writable, input: OutputOptions["input"]): void {
  stdin.on("error", () => {});
  if (input === undefined || typeof input === "string" || input instanceof Uint8Array) stdin.end(input ?? "");
  else pipeline(input, stdin).catch(() => {});
}
