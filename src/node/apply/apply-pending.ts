import { pending } from "../../config/pending.ts";
import type { Host } from "../../host/host.ts";
import { bootFailures, report } from "../report.ts";
import type { ApplyOptions } from "./apply-config.ts";
import { keptPlan } from "./kept-plan.ts";
import { observe } from "./observe.ts";
import { watched } from "./seen.ts";

/**
 * Applies every step of the configuration that is not satisfied yet. The part of this program that reads configurations
 * is loaded only if a layer or the node has changed. Returns 1 if something is wrong, else 0.
 */
export async function applyPending(host: Host, options: ApplyOptions): Promise<number> {
  const seen = watched(host);
  const kept = keptPlan(host, seen.host);
  if (kept === undefined || pending(kept.steps, observe(seen.host)).length > 0) {
    return (await import("./apply-config.ts")).applyConfig(host, options);
  }
  await report(host, kept.problems, bootFailures(host));
  if (kept.problems.length === 0) seen.keep();
  return kept.problems.some(({ severity }) => severity === "error") ? 1 : 0;
}
