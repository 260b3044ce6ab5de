import type { Tools } from "../../src/build/index.ts";
import { type Report, runGuest } from "../machines/guest-run.ts";
import type { BenchMachine, MachineName } from "../machines/machine.ts";
import { clockOffset, type Marks, marksOf, sincePowerOn } from "./marks.ts";
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
export async function bootOnce(machine: BenchMachine, { tools, onStage, ...options }: BootOptions): Promise<Boot> {
  const report = await runGuest(machine, tools, {
    ...options,
    onLine: ({ kind, rest }) => {
      if (["mark", "reached", "memory", "fail"].includes(kind)) onStage(rest || kind);
    },
  });
  return summarize(machine.name, report);
}

function summarize(machine: MachineName, { arrivals, lines, text }: Report): Boot {
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
