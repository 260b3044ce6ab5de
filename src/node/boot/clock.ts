import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { RUN } from "../places.ts";

/** That the clock was wrong, for `wait-for-clock`. */
export const CLOCK_WAS_WRONG = `${RUN}/clock-was-wrong`;

/** Files that were written at a time that has passed: the image's, the time daemon's, the log of the last boot, the cluster's. */
const WITNESSES = [
  "/usr/share/k3os/image.json",
  "/var/lib/chrony/drift",
  "/var/log/messages",
  "/var/lib/rancher/k3s/server/db/state.db",
];
/** A clock that is ahead of its time once must not push all boots after it further. */
const PLAUSIBLE_MS = 50 * 365 * 86_400_000;

/**
 * Never lets the clock be earlier than what it has been before: on machines without a battery it begins in 1970, when no certificate
 * is valid. The kernel has set it from the hardware clock already (CONFIG_RTC_HCTOSYS). Only a wrong clock costs a process.
 */
export async function correctClock(host: Host): Promise<void> {
  const [image = 0, ...others] = WITNESSES.map((path) => host.stat(path)?.mtime ?? 0);
  const least = Math.max(image, ...others.filter((time) => time < image + PLAUSIBLE_MS));
  if (host.now() >= least) return;
  await run(host, ["date", "-u", "-s", `@${Math.ceil(least / 1000)}`]);
  host.write(CLOCK_WAS_WRONG, "");
}
