import { base64, toBase64 } from "../../config/bytes.ts";
import type { Layer } from "../../config/layer.ts";
import type { Facts } from "../../config/plan.ts";
import type { Problem } from "../../config/problem.ts";
import type { Step } from "../../config/steps/step.ts";
import type { Host } from "../../host/host.ts";
import { readFacts } from "../facts.ts";
import { readLayers } from "../layer-files.ts";
import { forgetSeen } from "./seen.ts";

/** The last plan made in this boot, and its inputs. Only root may read it, because it holds secrets. */
const PLAN = "/run/k3os/plan.json";

interface KeptPlan {
  readonly facts: Facts;
  readonly layers: readonly Layer[];
  readonly steps: readonly Step[];
  readonly problems: readonly Problem[];
}

/** Saves a plan for `keptPlan`. */
export function keepPlan(host: Host, { facts, layers, steps, problems }: KeptPlan): void {
  const texts = layers.map(({ name, kind, text }) => ({ name, kind, text }));
  const kept = JSON.stringify({ facts, layers: texts, steps, problems }, (_, value: unknown) =>
    value instanceof Uint8Array ? { base64: toBase64(value) } : value,
  );
  host.write(PLAN, `${kept}\n`, { mode: 0o600 });
  forgetSeen(host);
}

/**
 * The last plan, if the facts and layers of the node are still the same; `now` is the host to read them from. Comparing
 * the texts of the layers takes a hundredth of the time that reading them as configs takes.
 */
export function keptPlan(host: Host, now: Host): Pick<KeptPlan, "steps" | "problems"> | undefined {
  if (host.stat(PLAN) === undefined) return undefined;
  const kept = JSON.parse(host.readText(PLAN), (_, value: { base64?: string } | null) =>
    typeof value?.base64 === "string" ? base64(value.base64) : value,
  ) as KeptPlan;
  const facts = readFacts(now);
  const layers = readLayers(now);
  const same =
    kept.facts.mode === facts.mode &&
    kept.facts.version === facts.version &&
    kept.layers.length === layers.length &&
    layers.every(({ name, text }, index) => name === kept.layers[index]?.name && text === kept.layers[index]?.text);
  return same ? kept : undefined;
}
