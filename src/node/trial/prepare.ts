import type { Config, Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { doAll, reasonOf } from "../failure.ts";
import { disableService, enableRareService } from "../openrc.ts";
import { TRIAL_REFUSED } from "../places.ts";
import { onTrial } from "../slots/trial.ts";
import { copyDatastore } from "../upgrade/datastore.ts";
import { withPool } from "./pool.ts";
import { trialSettings, writeSettings } from "./settings.ts";

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

async function keepDatastore(host: Host): Promise<void> {
  const trial = onTrial(host);
  // A config is tried on the image that wrote the datastore.
  if (trial?.revision !== undefined) return;
  try {
    await copyDatastore(host, trial?.digest ?? "", trial?.trialId);
  } catch (error) {
    host.write(TRIAL_REFUSED, reasonOf(error));
    disableService(host, "k3s");
    throw error;
  }
}
