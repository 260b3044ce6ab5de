import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { IMAGE_JSON, RUN } from "../places.ts";

/** Exists if the clock was wrong at boot, for `wait-for-clock`. */
export const CLOCK_WAS_WRONG = `${RUN}/clock-was-wrong`;

/**
 * Files with a time in the past: those of the image, of the time daemon, of the last boot's log, and of the cluster.
 */
const WITNESSES = [IMAGE_JSON, "/var/lib/chrony/drift", "/var/log/messages", "/var/lib/rancher/k3s/server/db/state.db"];
/** A clock that is once ahead must not push the clocks of all later boots ahead. */
const PLAUSIBLE_MS = 50 * 365 * 86_400_000;

/**
 * Sets the clock to the latest time known to have passed if it is earlier than that. Machines without a battery start
 * in 1970, when no certificate is valid yet. The kernel has already set the clock from the hardware clock
 * (CONFIG_RTC_HCTOSYS). Only a wrong clock costs a process.
 */
export async function correctClock(host: Host): Promise<void> {
  const [image = 0, ...others] = WITNESSES.map((path) => host.stat(path)?.mtime ?? 0);
  const least = Math.max(image, ...others.filter((time) => time < image + PLAUSIBLE_MS));
  if (host.now() >= least) return;
  await run(host, ["date", "-u", "-s", `@${Math.ceil(least / 1000)}`]);
  host.write(CLOCK_WAS_WRONG, "");
}
