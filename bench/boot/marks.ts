import { K3osError } from "../../src/errors.ts";
import type { Arrival } from "../machines/guest-run.ts";
import type { Line } from "../machines/lines.ts";

/** The points of a boot that are compared, in their order. */
export const stages = [
  "power-on",
  "kernel",
  "init",
  "root",
  "config",
  "services",
  "k3s",
  "containerd",
  "api",
  "ready",
  "pod",
  "coredns",
] as const;

export type StageName = (typeof stages)[number];
export type Marks = Readonly<Partial<Record<StageName, number>>>;

/** Their names in `/run/k3os/boot.json` and, written by the k3s binary, in `/run/k3s/stages.json`. */
const reported: Readonly<Record<string, StageName>> = {
  init: "init",
  root: "root",
  config: "config",
  services: "services",
  "process-start": "k3s",
  "containerd-ready": "containerd",
  "api-ready": "api",
  "node-ready": "ready",
  "coredns-ready": "coredns",
};

/**
 * Seconds of the guest's kernel clock at which each stage was complete. Of several reports of one stage the first
 * counts: a k3s that was restarted reports its start again.
 */
export function marksOf(lines: readonly Line[]): Marks {
  const marks: Partial<Record<StageName, number>> = {};
  const note = (name: StageName, uptime: number) => {
    marks[name] ??= uptime;
  };
  for (const { kind, rest, uptime } of lines) {
    if (kind === "mark" && isStage(rest)) note(rest, uptime);
    if (kind === "kernel") note("kernel", Number(/\[ *(\d+\.\d+)\]/.exec(rest)?.[1] ?? Number.NaN));
    if (kind === "stage") {
      const { stage, uptime_s } = parseStage(rest);
      const name = reported[stage];
      if (name !== undefined) note(name, uptime_s);
    }
  }
  return marks;
}

function parseStage(text: string): { readonly stage: string; readonly uptime_s: number } {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new K3osError("machine", `The guest's report has a damaged stage: expected an object in JSON, got ${text}`, {
      ...{
        hint: "Measure again. If it stays so, compare bench/machines/guest/probe.sh with bench/boot/marks.ts.",
        cause,
      },
    });
  }
}

function isStage(name: string): name is StageName {
  return (stages as readonly string[]).includes(name);
}

/**
 * Seconds between the start of QEMU and the zero of the guest's clock: firmware, and the loading of kernel and initrd.
 * A line is never early, so the smallest difference is the best estimate.
 */
export function clockOffset(arrivals: readonly Arrival[]): number {
  return Math.max(0, Math.min(...arrivals.map(({ line, at }) => at - line.uptime)));
}

/** The same marks, in seconds since power-on. */
export function sincePowerOn(marks: Marks, offset: number): Marks {
  const moved = Object.entries(marks).map(([name, uptime]) => [name, uptime + offset]);
  return { "power-on": offset, ...Object.fromEntries(moved) };
}
