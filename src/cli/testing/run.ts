import { spawn } from "node:child_process";
import { join } from "node:path";
import { findProject } from "../../build/project.ts";
import { endOf } from "../../vm/spawn.ts";
import type { Io } from "../io.ts";
import type { Tally } from "./parts.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Receives standard output line by line instead of it being shown. */
  readonly onLine?: (line: string) => void;
}

/** Runs a program of the project, its output shown, and returns its status. It is stopped when the user stops us. */
export async function runTool(argv: readonly string[], io: Io, options: RunOptions = {}): Promise<number> {
  io.signal.throwIfAborted();
  const project = findProject();
  const [program = "", ...rest] = argv;
  const child = spawn(program, rest, {
    cwd: options.cwd ?? project,
    env: { ...process.env, PATH: `${join(project, "node_modules/.bin")}:${io.env.PATH ?? ""}`, ...options.env },
    stdio: ["ignore", options.onLine === undefined ? "inherit" : "pipe", "inherit"],
  });
  if (options.onLine !== undefined && child.stdout !== null) eachLine(child.stdout, options.onLine);
  const stop = () => child.kill("SIGTERM");
  io.signal.addEventListener("abort", stop);
  try {
    return await endOf(child);
  } finally {
    io.signal.removeEventListener("abort", stop);
  }
}

function eachLine(stream: NodeJS.ReadableStream, receive: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) receive(line);
  });
  stream.on("end", () => rest !== "" && receive(rest));
}

/** A program that is a test as a whole. */
export async function check(argv: readonly string[], io: Io, options: RunOptions = {}): Promise<Tally> {
  const passed = (await runTool(argv, io, options)) === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}
