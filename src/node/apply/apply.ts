import { describeStep, type Phase, type Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { type Failure, reasonOf } from "../failure.ts";
import { noteApplied } from "./applied.ts";
import { applyStep } from "./steps/index.ts";

/**
 * Applies the steps of one phase in order and returns those that failed. After a failure the next step is still
 * applied, except in a list of commands, which ends at its first failure.
 */
export async function applySteps(host: Host, steps: readonly Step[], phase: Phase): Promise<Failure[]> {
  const failures: Failure[] = [];
  const stopped = new Set<string>();
  for (const step of steps) {
    if (step.phase !== phase || (step.kind === "command" && stopped.has(step.list))) continue;
    const fail = (error: unknown) => failures.push({ step: describeStep(step), reason: reasonOf(error) });
    try {
      await applyStep(host, step);
    } catch (error) {
      if (step.kind === "command") stopped.add(step.list);
      fail(error);
      continue;
    }
    try {
      noteApplied(host, step);
    } catch (error) {
      fail(error);
    }
  }
  return failures;
}
