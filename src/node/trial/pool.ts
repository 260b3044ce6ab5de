import type { Config } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import type { PoolCheck } from "../../kubernetes/machine-pool.ts";
import { readNote } from "../agent/note.ts";
import { onTrial } from "../slots/trial.ts";
import type { TrialConfig } from "./settings.ts";

/** What the pool says of trials counts before what the config says, if this is the trial that it asked for. */
export function withPool(host: Host, k3os: NonNullable<Config["k3os"]>): TrialConfig {
  const { work } = readNote(host);
  const { deadline, stableFor, checks = [] } = work?.trial ?? {};
  if (work?.reason === "Image" && work.key !== onTrial(host)?.digest) return k3os;
  const settings = { ...(deadline && { deadline }), ...(stableFor && { stable_for: stableFor }) };
  const names = checks.map(({ name }) => name);
  const others = (k3os.upgrade?.checks ?? []).filter(({ name }) => !names.includes(name));
  return { ...k3os, upgrade: { ...k3os.upgrade, ...settings, checks: [...others, ...checks.map(configured)] } };
}

/** A check of a pool as config.yaml has it. */
function configured({ name, pods: { namespace, matchLabels = {} } }: PoolCheck) {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  return { name, pods: { namespace, ...(labels.length > 0 && { selector: labels.join(",") }) } };
}
