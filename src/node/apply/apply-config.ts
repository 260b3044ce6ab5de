import { describe, type Phase, pending, plan } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { readFacts } from "../facts.ts";
import { loadConfig } from "../layers.ts";
import { report } from "../report.ts";
import { applySteps } from "./apply.ts";
import { keepPlan } from "./kept-plan.ts";
import { observe } from "./observe.ts";

const PHASES: readonly Phase[] = ["init", "boot", "runtime"];

/** Reads the configuration anew and applies what is not so yet, telling each step. Returns 1 if something is wrong, else 0. */
export async function applyConfig(host: Host): Promise<number> {
  const { config, problems, layers } = loadConfig(host);
  const facts = readFacts(host);
  const steps = plan(config, facts);
  const due = pending(steps, observe(host));
  for (const step of due) console.log(describe(step));
  const failures = [];
  for (const phase of PHASES) failures.push(...(await applySteps(host, due, phase)));
  keepPlan(host, { facts, layers, steps, problems });
  report(host, problems, failures);
  if (due.some(({ kind }) => kind === "k3s" || kind === "registries")) {
    console.log("k3s takes this up when it starts again: sudo rc-service k3s restart");
  }
  return failures.length > 0 || problems.some(({ severity }) => severity === "error") ? 1 : 0;
}
