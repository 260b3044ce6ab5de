import { describe, type Phase, pending, plan } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { applySteps } from "../apply/apply.ts";
import { observe } from "../apply/observe.ts";
import { readFacts } from "../facts.ts";
import { loadConfig } from "../layers.ts";
import { report } from "../report.ts";
import { parseArguments } from "./arguments.ts";

const PHASES: readonly Phase[] = ["init", "boot", "runtime"];

/** `k3os apply`: whatever of the configuration is not so yet. A second run finds nothing to do. */
export async function applyCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  const { config, problems } = loadConfig(host);
  const steps = pending(plan(config, readFacts(host)), observe(host));
  for (const step of steps) console.log(describe(step));
  const failures = [];
  for (const phase of PHASES) failures.push(...(await applySteps(host, steps, phase)));
  report(host, problems, failures);
  if (steps.some(({ kind }) => kind === "k3s" || kind === "registries")) {
    console.log("k3s takes this up when it starts again: sudo rc-service k3s restart");
  }
  return failures.length > 0 || problems.some(({ severity }) => severity === "error") ? 1 : 0;
}
