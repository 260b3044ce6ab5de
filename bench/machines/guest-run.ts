import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tools } from "../../src/build/index.ts";
import { K3osError } from "../../src/errors.ts";
import { type Command, outputOf } from "../../src/process/run.ts";
import { plain } from "../../src/vm/serial.ts";
import { followLines, type Line, parseLine } from "./lines.ts";
import type { BenchMachine } from "./machine.ts";

/** A line of the guest, and when it arrived: seconds since QEMU was started. */
export interface Arrival {
  readonly line: Line;
  readonly at: number;
}

/** What a guest reported, from its power-on until it said that it is done. */
export interface Report {
  readonly arrivals: readonly Arrival[];
  readonly lines: readonly Line[];
  readonly text: string;
}

export interface GuestOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onLine: (line: Line) => void;
}

/**
 * The file, in the directory in which QEMU runs, that the guest's second serial port is written to. A file takes
 * everything. For a pipe that is full, QEMU's serial port tries again some times, and then drops the character.
 */
export const REPORT = "report.log";

/** Boots a machine once. When this returns or throws, the machine is gone; an error tells what its console showed. */
export async function runGuest(machine: BenchMachine, tools: Tools, options: GuestOptions): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), "k3os-bench-"));
  try {
    const qemu = tools.command(machine.command(dir));
    const { failure, ...report } = await watchGuest({ ...qemu, cwd: dir }, dir, options);
    const failed = failure ?? report.lines.find(({ kind }) => kind === "fail")?.rest;
    if (failed !== undefined) throw bootFailed(machine, failed, dir, report.text);
    return report;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Runs QEMU, which writes the guest's report into `dir`, until the guest says that it is done. */
export async function watchGuest(
  qemu: Command,
  dir: string,
  { timeoutMs, signal, onLine }: GuestOptions,
): Promise<Report & { readonly failure: string | undefined }> {
  const start = performance.now();
  const [arrivals, done]: [Arrival[], AbortController] = [[], new AbortController()];
  let text = "";
  const finish = followLines(join(dir, REPORT), (written) => {
    text += `${written}\n`;
    const line = parseLine(written);
    if (line === undefined) return;
    arrivals.push({ line, at: (performance.now() - start) / 1000 });
    onLine(line);
    if (line.kind === "done") done.abort();
  });
  let end: { readonly status: number; readonly stderr: string } | undefined;
  try {
    end = await outputOf(qemu, { timeoutMs, signal: AbortSignal.any([signal, done.signal]) });
  } catch (error) {
    if (signal.aborted || !done.signal.aborted) throw error;
  } finally {
    finish();
  }
  const failure = done.signal.aborted || end === undefined ? undefined : howItEnded(end, timeoutMs);
  return { arrivals, lines: arrivals.map(({ line }) => line), text, failure };
}

function howItEnded({ status, stderr }: { status: number; stderr: string }, timeoutMs: number): string {
  if (status === 124) return `it did not come to an end within ${timeoutMs / 1000} s`;
  return `it ended by itself${stderr === "" ? "" : `: ${stderr.trim()}`}`;
}

function bootFailed(machine: BenchMachine, failure: string, dir: string, report: string): K3osError {
  const log = join(dir, "serial.log");
  const console = existsSync(log) ? plain(readFileSync(log, "utf8")).trimEnd() : "";
  return new K3osError("machine", `The boot of "${machine.name}" failed: ${failure}.`, {
    hint: `Its console:\n${console}\n\nWhat it reported:\n${report.trimEnd()}`,
  });
}
