import type { Leftovers, StepKind } from "./kind.ts";
import type { Step } from "./step.ts";

export const restoreSysctl: StepKind<"restore-sysctl"> = {
  describe: ({ key, value }) => `set sysctl ${key} back to ${value}`,
};

/** Undoes sysctls that earlier steps set and no step sets any more. */
export function undoSysctls(before: Leftovers["restore-sysctl"], steps: readonly Step[]): Step<"restore-sysctl">[] {
  const wanted = new Set(steps.map((step) => (step.kind === "sysctl" ? step.key : "")));
  return Object.entries(before)
    .filter(([key]) => !wanted.has(key))
    .map(([key, value]) => ({ phase: "boot", kind: "restore-sysctl", key, value }));
}
