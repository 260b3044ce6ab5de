import type { Config } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { Progress } from "../../progress.ts";
import { LockHeld } from "../lock.ts";
import { isTrial, onTrial } from "../slots/trial.ts";
import { restartIntoTrial, type Upgraded, type UpgradeOptions, upgrade } from "./upgrade.ts";

const LOOK_EVERY_MS = 5000;
/** A shutdown takes no longer: pods have a minute to end, and the watchdog of the trial resets what hangs. */
const SHUTDOWN_MS = 600_000;

/**
 * An upgrade whose end can be waited for by whoever runs it again after each restart, as a job in a cluster does: first
 * waits until the trial of this boot is decided, and until another upgrade is done. So the result is `current` once the
 * image is kept, and an image that was given up is refused with the reason. `say` gets a sentence each time that it
 * begins to wait.
 */
export async function upgradeAndWait(
  host: Host,
  config: Config,
  options: UpgradeOptions,
  progress: Progress,
  say: (sentence: string) => void,
): Promise<Upgraded> {
  let holder = "";
  for (;;) {
    await trialDecided(host, say);
    try {
      return await upgrade(host, config, { ...options, patient: false }, progress);
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      if (error.message !== holder) say(`waiting: ${error.message}`);
      holder = error.message;
      await host.sleep(LOOK_EVERY_MS);
    }
  }
}

/** Returns when no trial is under way. One that is given up restarts the machine, which ends this process. */
async function trialDecided(host: Host, say: (sentence: string) => void): Promise<void> {
  if (!isTrial(host)) return;
  say(`waiting: this boot is a trial of ${onTrial(host)?.version}, and it is not decided yet whether that is kept`);
  while (isTrial(host)) await host.sleep(LOOK_EVERY_MS);
}

/**
 * Restarts the machine into the trial and does not return: the shutdown ends this process, and nobody must take its end
 * for that of the upgrade. Throws if the machine goes on running.
 */
export async function restartAndStay(host: Host): Promise<never> {
  await restartIntoTrial(host);
  for (let waited = 0; waited < SHUTDOWN_MS; waited += LOOK_EVERY_MS) await host.sleep(LOOK_EVERY_MS);
  throw new K3osError("machine", `this machine was told to restart ${SHUTDOWN_MS / 60_000} min ago, and still runs`, {
    hint: "The image is tried at the next restart. What keeps the services from stopping? rc-status",
  });
}
