import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tools } from "../../src/build/index.ts";
import { K3osError } from "../../src/errors.ts";
import { type Command, outputOf } from "../../src/process/run.ts";
import { plain } from "../../src/vm/serial.ts";
import type { BenchMachine, MachineName } from "../machines/machine.ts";
import { type Line, lineSplitter, parseLine } from "./lines.ts";
import { type Arrival, clockOffset, type Marks, marksOf, sincePowerOn } from "./marks.ts";
import { type Memory, memoryOf } from "./memory.ts";

/** One boot, measured. */
export interface Boot {
  readonly machine: MachineName;
  /** Seconds since power-on. */
  readonly marks: Marks;
  /** Seconds from creating the first pod to its answer. */
  readonly podSeconds: number | undefined;
  readonly memory: Memory | undefined;
  /** Seconds that `k3os apply` took when there was nothing to do, some times over; none on other systems. */
  readonly applySeconds: readonly number[];
  /** The guest's report, as text. */
  readonly report: string;
}

export interface BootOptions {
  readonly tools: Tools;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onStage: (stage: string) => void;
}

/** Boots a machine once. When this returns or throws, the machine is gone; an error tells what its console showed. */
export async function bootOnce(machine: BenchMachine, options: BootOptions): Promise<Boot> {
  const dir = mkdtempSync(join(tmpdir(), "k3os-bench-"));
  try {
    const qemu = options.tools.command(machine.command(dir));
    const watched = await watch({ ...qemu, cwd: dir }, options);
    const failure = watched.failure ?? reportedFailure(watched.lines);
    if (failure !== undefined) throw bootFailed(machine, failure, dir, watched.text);
    return summarize(machine.name, watched);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Watched {
  readonly arrivals: readonly Arrival[];
  readonly lines: readonly Line[];
  readonly text: string;
  readonly failure: string | undefined;
}

/** Runs QEMU until the guest says that it is done, and kills it then. */
async function watch(qemu: Command, { timeoutMs, signal, onStage }: BootOptions): Promise<Watched> {
  const start = performance.now();
  const arrivals: Arrival[] = [];
  let [text, isDone, seen] = ["", false, 0];
  const receive = lineSplitter((written) => {
    text += `${written}\n`;
    const line = parseLine(written);
    if (line === undefined) return;
    arrivals.push({ line, at: (performance.now() - start) / 1000 });
    if (["mark", "reached", "memory", "fail"].includes(line.kind)) onStage(line.rest || line.kind);
    isDone ||= line.kind === "done";
  });
  const until = (stdout: string) => {
    receive(stdout.slice(seen));
    seen = stdout.length;
    return isDone;
  };
  const { status, stderr } = await outputOf(qemu, { timeoutMs, signal, until });
  const late = status === 124 ? `it did not come to an end within ${timeoutMs / 1000} s` : undefined;
  const failure = isDone ? undefined : (late ?? `it ended by itself${stderr === "" ? "" : `: ${stderr.trim()}`}`);
  return { arrivals, lines: arrivals.map(({ line }) => line), text, failure };
}

function reportedFailure(lines: readonly Line[]): string | undefined {
  return lines.find(({ kind }) => kind === "fail")?.rest;
}

function bootFailed(machine: BenchMachine, failure: string, dir: string, report: string): K3osError {
  const log = join(dir, "serial.log");
  const console = existsSync(log) ? plain(readFileSync(log, "utf8")).trimEnd() : "";
  return new K3osError("machine", `The boot of "${machine.name}" failed: ${failure}.`, {
    hint: `Its console:\n${console}\n\nWhat it reported:\n${report.trimEnd()}`,
  });
}

function summarize(machine: MachineName, { arrivals, lines, text }: Watched): Boot {
  const created = lines.find(({ kind, rest }) => kind === "mark" && rest === "create")?.uptime;
  const marks = marksOf(lines);
  return {
    machine,
    marks: sincePowerOn(marks, clockOffset(arrivals)),
    podSeconds: created === undefined || marks.pod === undefined ? undefined : marks.pod - created,
    memory: memoryOf(lines),
    applySeconds: lines.filter(({ kind }) => kind === "apply").map(({ rest }) => Number(rest)),
    report: text,
  };
}
