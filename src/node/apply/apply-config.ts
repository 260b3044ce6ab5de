import { describeStep, type Phase, type Problem } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { type Failure, reasonOf } from "../failure.ts";
import { type LoadedLayers, loadConfig } from "../layers.ts";
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

/** What became of a config. */
export interface Applied {
  /** What is wrong with its layers. */
  readonly problems: readonly Problem[];
  /** Steps that failed. All others were applied. */
  readonly failures: readonly Failure[];
  /** Whether k3s has to be restarted for all of it to count. */
  readonly restart: "not-needed" | "done" | "due";
}

/**
 * Reads the configuration anew, applies every step that is not satisfied yet, and prints it. Returns 1 if something is
 * wrong, else 0.
 */
export async function applyConfig(host: Host, options: ApplyOptions): Promise<number> {
  const { problems, failures, restart } = await applyLayers(host, loadConfig(host), options);
  if (restart === "due") console.log("k3s takes this up when it is restarted: sudo rc-service k3s restart");
  return failures.length > 0 || problems.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** Applies every step of these layers that is not satisfied yet, prints it, and reports what is wrong. */
export async function applyLayers(host: Host, loaded: LoadedLayers, { restart }: ApplyOptions): Promise<Applied> {
  const planned = planConfig(host, loaded);
  const { problems, due: all } = planned;
  const due = all.filter(({ kind }) => restart || kind !== "restart-k3s");
  const needsRestart = all.some(({ kind }) => kind === "restart-k3s");
  if (needsRestart) noteOutdated(host);
  for (const step of due) console.log(describeStep(step));
  const failures: Failure[] = [];
  for (const phase of PHASES) failures.push(...(await applySteps(host, due, phase)));
  keepPlan(host, planned);
  // No step: it is no state of this node, and what it does reads the config anew each time.
  await followAuto(host, planned.config, planned.facts.mode).catch((error) =>
    failures.push({ step: "start or stop k3os-auto", reason: reasonOf(error) }),
  );
  await report(host, problems, [...bootFailures(host), ...failures]);
  return { problems, failures, restart: !needsRestart ? "not-needed" : restart ? "done" : "due" };
}
