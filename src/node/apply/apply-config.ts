import { describeStep, type Phase } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { reasonOf } from "../failure.ts";
import { bootFailures, report } from "../report.ts";
import { followAuto } from "../upgrade/auto-service.ts";
import { applySteps } from "./apply.ts";
import { noteOutdated } from "./k3s.ts";
import { keepPlan } from "./kept-plan.ts";
import { planConfig } from "./plan-config.ts";

const PHASES: readonly Phase[] = ["init", "boot", "runtime"];

export interface ApplyOptions {
  /** Restart k3s if it must be restarted; otherwise only print that it must be. */
  readonly restart: boolean;
}

/**
 * Reads the configuration anew, applies every step that is not satisfied yet, and prints it. Returns 1 if something is
 * wrong, else 0.
 */
export async function applyConfig(host: Host, { restart }: ApplyOptions): Promise<number> {
  const planned = planConfig(host);
  const { problems, due: all } = planned;
  const due = all.filter(({ kind }) => restart || kind !== "restart-k3s");
  if (all.some(({ kind }) => kind === "restart-k3s")) noteOutdated(host);
  for (const step of due) console.log(describeStep(step));
  const failures = [];
  for (const phase of PHASES) failures.push(...(await applySteps(host, due, phase)));
  keepPlan(host, planned);
  // No step: it is no state of this node, and what it does reads the config anew each time.
  await followAuto(host, planned.config, planned.facts.mode).catch((error) =>
    failures.push({ step: "start or stop k3os-auto", reason: reasonOf(error) }),
  );
  await report(host, problems, [...bootFailures(host), ...failures]);
  if (due.length < all.length) console.log("k3s takes this up when it is restarted: sudo rc-service k3s restart");
  return failures.length > 0 || problems.some(({ severity }) => severity === "error") ? 1 : 0;
}
