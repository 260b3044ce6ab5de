import { type Facts, pending, plan, type Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { readFacts } from "../facts.ts";
import { type LoadedLayers, loadConfig } from "../layers.ts";
import { observe } from "./observe.ts";

export interface PlannedConfig extends LoadedLayers {
  readonly facts: Facts;
  /** All steps of the config. */
  readonly steps: readonly Step[];
  /** Those that are left to do, and those that undo an earlier config. */
  readonly due: readonly Step[];
}

/** The configuration of this node, and what applying it would do. Changes nothing. */
export function planConfig(host: Host, loaded: LoadedLayers = loadConfig(host)): PlannedConfig {
  const facts = readFacts(host);
  const steps = plan(loaded.config, facts);
  return { ...loaded, facts, steps, due: pending(steps, observe(host)) };
}
