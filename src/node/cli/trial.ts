import type { Host } from "../../host/host.ts";
import { onTrial } from "../slots/trial.ts";
import { superviseTrial } from "../trial/supervise.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os trial`, a service: looks at the node until it is to be kept or given up, and does that. It does not end by
 * itself, because its supervisor would start it again: it has its own service stopped.
 */
export async function trialCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  const trial = onTrial(host);
  if (trial !== undefined) await superviseTrial(host, trial);
  await host.exec(["rc-service", "k3os-trial", "stop"], { inherit: true });
  return 0;
}
