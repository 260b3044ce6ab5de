import type { Host } from "../../host/host.ts";
import { TRIAL_STAGES, type TrialStage } from "../../image/boot-env.ts";
import { readEnv, writeEnv } from "./env.ts";
import { withEsp } from "./esp.ts";

/** Notes how far the trial has come: one sector of the ESP. Stages never go back. */
export function noteTrialStage(host: Host, stage: TrialStage): Promise<void> {
  return withEsp(host, async (esp) => {
    const env = readEnv(host, esp);
    if (env?.trial === undefined) return;
    const before = env.stage === undefined ? -1 : TRIAL_STAGES.indexOf(env.stage);
    if (TRIAL_STAGES.indexOf(stage) > before) await writeEnv(host, esp, { ...env, stage });
  });
}
