import type { Config, Step } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { doAll } from "../failure.ts";
import { enableRareService } from "../openrc.ts";
import { type TrialConfig, trialSettings, writeSettings } from "./settings.ts";

/** Makes the services of this boot include the supervisor of a trial, and tells it what to go by. */
export async function prepareTrial(host: Host, { k3os = {} }: Config, steps: readonly Step[]): Promise<void> {
  const k3s = steps.find((step) => step.kind === "k3s");
  await doAll([
    () => writeSettings(host, trialSettings(k3os as TrialConfig, k3s?.role ?? "server")),
    () => enableRareService(host, "k3os-trial"),
  ]);
}
