import type { Config, Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import type { PoolCheck } from "../../kubernetes/machine-pool.ts";
import { readNote } from "../agent/note.ts";
import { doAll, reasonOf } from "../failure.ts";
import { disableService, enableRareService } from "../openrc.ts";
import { TRIAL_REFUSED } from "../places.ts";
import { onTrial } from "../slots/trial.ts";
import { copyDatastore } from "../upgrade/datastore.ts";
import { type TrialConfig, trialSettings, writeSettings } from "./settings.ts";

/**
 * Makes the services of this boot include the supervisor of a trial, and tells it what to go by. The datastore is
 * copied before anything can change it. If that fails, Kubernetes does not start, and the supervisor gives the trial
 * up.
 */
export async function prepareTrial(host: Host, { k3os = {} }: Config, steps: readonly Step[]): Promise<void> {
  const k3s = steps.find((step) => step.kind === "k3s");
  await doAll([
    () => writeSettings(host, trialSettings(withPool(host, k3os), k3s?.role ?? "server")),
    () => enableRareService(host, "k3os-trial"),
    () => keepDatastore(host),
  ]);
}

/** What the pool says of trials counts before what the config says, if this is the trial that it asked for. */
function withPool(host: Host, k3os: NonNullable<Config["k3os"]>): TrialConfig {
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

async function keepDatastore(host: Host): Promise<void> {
  const trial = onTrial(host);
  // A config is tried on the image that wrote the datastore.
  if (trial?.revision !== undefined) return;
  try {
    await copyDatastore(host, trial?.digest ?? "");
  } catch (error) {
    host.write(TRIAL_REFUSED, reasonOf(error));
    disableService(host, "k3s");
    throw error;
  }
}
