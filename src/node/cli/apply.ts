import { pending } from "../../config/pending.ts";
import type { Host } from "../../host/host.ts";
import { keptPlan } from "../apply/kept-plan.ts";
import { observe } from "../apply/observe.ts";
import { report } from "../report.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os apply`: whatever of the configuration is not so yet. A second run finds nothing to do, and finds that out without loading
 * the part of this program that reads configurations.
 */
export async function applyCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  const kept = keptPlan(host);
  if (kept !== undefined && pending(kept.steps, observe(host)).length === 0) {
    report(host, kept.problems, []);
    return kept.problems.some(({ severity }) => severity === "error") ? 1 : 0;
  }
  const { applyConfig } = await import("../apply/apply-config.ts");
  return applyConfig(host);
}
