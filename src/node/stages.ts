import { K3osError } from "../errors.ts";
import { readTextIf } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { type Failure, reasonOf } from "./failure.ts";
import { logToKernel } from "./kernel-log.ts";
import { RUN } from "./places.ts";

/** One JSON object per line. Format: docs/architecture.md, "What a node tells about its boot". */
const BOOT_JSON = `${RUN}/boot.json`;

/** The step that a failure to write boot.json is reported as. */
const NOTES = "notes of the boot";

/** The program that a stage is part of: `init()` in the initrd or `boot()` in the root. */
export type Part = "initrd" | "root";

/** A line of boot.json: a stage of one of our programs, which has a duration, or a mark, which has none. */
export interface Stage {
  readonly stage: string;
  /** When it was complete, in seconds since the kernel started. */
  readonly uptime_s: number;
  readonly part?: Part;
  readonly duration_s?: number;
  /** Why it failed, if it did. */
  readonly failed?: string;
}

/** What a failure of a stage means. */
export type Policy =
  /** The failure is collected and reported. The boot goes on without what the stage would have done. */
  | { readonly mayFail: true }
  /** The boot ends with the failure; `hint` is the way out. */
  | { readonly mayFail: false; readonly hint: string };

export interface Stages {
  /** Failures of this program's stages so far. */
  readonly failures: Failure[];
  /** Print each stage on the console, too (`k3os.debug`). */
  debug: boolean;
  /** Does a part of the boot and notes when it was complete, how long it took, and why it failed if it did. */
  stage<Result>(
    name: string,
    policy: { mayFail: true },
    work: () => Result | Promise<Result>,
  ): Promise<Result | undefined>;
  stage<Result>(name: string, policy: Policy, work: () => Result | Promise<Result>): Promise<Result>;
  /** Notes that the boot has reached a point: `init`, `root`, `modules`, `config`. */
  reached(mark: string): void;
}

/**
 * The stages of one of the two programs of a boot. Their notes survive the change of root, because `/run` moves along.
 */
export function stagesOf(host: Host, part: Part): Stages {
  const failures: Failure[] = [];

  function fail(step: string, reason: string): void {
    failures.push({ step, reason, boot: true });
    host.warn(`k3os: ${step}: ${reason}\n`);
  }

  function note(stage: string, details: Omit<Stage, "stage" | "uptime_s">): void {
    try {
      const line: Stage = { stage, uptime_s: uptime(host), ...details };
      host.mkdir(RUN);
      host.append(BOOT_JSON, `${JSON.stringify(line)}\n`);
      const { uptime_s, duration_s } = line;
      if (stages.debug)
        logToKernel(host, `${stage} ${duration_s === undefined ? "at" : `took ${duration_s} s, until`} ${uptime_s} s`);
    } catch (error) {
      // Only once: if one note cannot be written, most cannot.
      if (!failures.some(({ step }) => step === NOTES)) fail(NOTES, reasonOf(error));
    }
  }

  const stages: Stages = {
    failures,
    debug: false,
    async stage<Result>(name: string, policy: Policy, work: () => Result | Promise<Result>) {
      const start = host.monotonic();
      const duration = () => ({ part, duration_s: Math.round(host.monotonic() - start) / 1000 });
      try {
        const result = await work();
        note(name, duration());
        return result;
      } catch (error) {
        note(name, { ...duration(), failed: reasonOf(error) });
        if (!policy.mayFail) throw bootError(name, error, policy.hint);
        fail(name, reasonOf(error));
        return undefined as Result;
      }
    },
    reached: (mark) => note(mark, {}),
  };
  return stages;
}

/** An error that ends the boot: one sentence and a hint, whatever was thrown. */
export function bootError(stage: string, error: unknown, hint: string): K3osError {
  if (error instanceof K3osError && error.hint !== undefined) return error;
  return new K3osError("machine", `${stage}: ${reasonOf(error)}`, { hint, cause: error });
}

/** Seconds since the kernel started (proc_uptime(5)), to 10 ms. */
export function uptime(host: Host): number {
  return Number(host.readText("/proc/uptime").split(" ")[0]);
}

/** The stages and marks of this boot so far. */
export function savedStages(host: Host): readonly Stage[] {
  const lines = readTextIf(host, BOOT_JSON)?.trim().split("\n") ?? [];
  return lines.map((line) => JSON.parse(line) as Stage);
}

/** The failures that stages of `part` noted. */
export function savedFailures(host: Host, part: Part): Failure[] {
  return savedStages(host).flatMap(({ stage, part: of, failed }) =>
    of === part && failed !== undefined ? [{ step: stage, reason: failed, boot: true as const }] : [],
  );
}
