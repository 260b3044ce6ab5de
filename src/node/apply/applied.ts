import { digestOf } from "../../config/digest.ts";
import type { Step, StepName } from "../../config/steps/step.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { RUN } from "../places.ts";

/**
 * Digests of the steps that were applied in this boot. Only root may read it, because short secrets can be guessed from
 * a digest.
 */
const APPLIED = `${RUN}/applied`;

/** Notes that a step was applied in this boot, for `wasApplied`. */
export function noteApplied(host: Host, step: Step): void {
  if (host.stat(APPLIED) === undefined) host.write(APPLIED, "", { mode: 0o600 });
  host.append(APPLIED, `${digest(step)}\n`);
}

/** Whether this very step was applied since the machine was started. */
export function wasApplied<K extends StepName>(host: Host, step: Step<K>): boolean {
  return (readTextIf(host, APPLIED) ?? "").split("\n").includes(digest(step));
}

function digest(step: object): string {
  return digestOf(JSON.stringify(step));
}
