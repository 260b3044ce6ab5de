import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";

/** The deployment that this boot tries. */
export interface Trial {
  readonly slot: "a" | "b";
  readonly version: string;
  readonly digest: string;
  /** Why it was given up already, if this is one more boot of it. */
  readonly refused?: string;
}

/** The deployment that this boot tries; `undefined` if this boot is no trial. */
export function onTrial(_: Host): Trial | undefined {
  return missing();
}

/** Notes how far the trial has come: in the environment block on the ESP, one sector. */
export async function noteTrialStage(_: Host, __: "initrd" | "root" | "services" | "k3s" | "ready"): Promise<void> {
  missing();
}

/** Keeps the deployment. `readyAt` is when the node was Ready, in milliseconds since 1970. */
export async function commitTrial(_: Host, __: { readonly readyAt?: number } = {}): Promise<void> {
  missing();
}

/** Gives it up: journal `failed` with the reason, sync, ENV. The caller reboots. */
export async function returnFromTrial(_: Host, __: string): Promise<void> {
  missing();
}

function missing(): never {
  throw new K3osError("host", "not implemented", { hint: "Merge the branch that has src/node/slots/trial.ts." });
}
