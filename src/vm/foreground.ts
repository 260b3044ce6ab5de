import { spawn } from "node:child_process";
import { type Command, endOf } from "./spawn.ts";

/** The terminal itself sends SIGINT to every program on it; these would reach only us. */
const passedOn = ["SIGTERM", "SIGHUP"] as const;

/** Runs a program that has this process's terminal, or pipes, to itself, and ends with it. Returns its status. */
export async function runForeground({ argv, env }: Command): Promise<number> {
  const [program = "", ...rest] = argv;
  const child = spawn(program, rest, { stdio: "inherit", env: { ...process.env, ...env } });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of passedOn) process.on(signal, pass);
  try {
    return await endOf(child);
  } finally {
    for (const signal of passedOn) process.off(signal, pass);
  }
}
