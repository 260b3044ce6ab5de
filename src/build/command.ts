import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { K3osError } from "../errors.ts";

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment of this process; `undefined` takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Aborting kills the program and every process it started. */
  readonly signal?: AbortSignal;
  readonly input?: string | Uint8Array;
  /** Called with each line of standard error while the program runs. */
  readonly onLine?: (line: string) => void;
}

/** How long a program has to end after it was asked to, before it is killed. */
const gracePeriodMs = 3000;

/**
 * Runs a program in a process group of its own and returns its standard output. Another status than 0 is a `CommandFailure`,
 * an abort a K3osError "interrupted" that is thrown only after the program is gone.
 */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { signal, onLine } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interrupted());
    const [program = "", ...args] = argv;
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    const stdout: Buffer[] = [];
    const lastLines: string[] = [];
    child.stdout.on("data", (part: Buffer) => stdout.push(part));
    eachLine(child.stderr, (line) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      onLine?.(line);
    });
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");

    let killTimer: NodeJS.Timeout | undefined;
    const stop = () => {
      killGroup(child.pid, "SIGTERM");
      killTimer = setTimeout(() => killGroup(child.pid, "SIGKILL"), gracePeriodMs);
    };
    signal?.addEventListener("abort", stop, { once: true });
    const settle = (action: () => void) => {
      clearTimeout(killTimer);
      signal?.removeEventListener("abort", stop);
      action();
    };
    child.once("error", (error) => settle(() => reject(new CommandFailure(argv, 127, error.message))));
    child.once("close", (code, by) =>
      settle(() => {
        if (signal?.aborted) {
          killGroup(child.pid, "SIGKILL");
          reject(interrupted());
        } else if (code === 0) resolve(Buffer.concat(stdout).toString("utf8"));
        else {
          const status = code ?? 128 + (by ? constants.signals[by] : 0);
          reject(new CommandFailure(argv, status, lastLines.join("\n"), Buffer.concat(stdout).toString("utf8")));
        }
      }),
    );
  });
}

/** A program that ended with another status than 0. */
export class CommandFailure extends Error {
  readonly status: number;
  readonly stderr: string;
  readonly stdout: string;

  constructor(argv: readonly string[], status: number, stderr: string, stdout = "") {
    super(`${argv[0]?.split("/").at(-1)} ended with status ${status}${stderr ? `: ${stderr.split("\n").at(-1)}` : ""}`);
    this.name = "CommandFailure";
    this.status = status;
    this.stderr = stderr;
    this.stdout = stdout;
  }
}

export function interrupted(): K3osError {
  return new K3osError("interrupted", "The build was stopped.", { hint: "The next one goes on where this one was." });
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

function eachLine(stream: Readable, receive: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? "";
    for (const line of lines) receive(line);
  });
  stream.on("end", () => rest && receive(rest));
}
