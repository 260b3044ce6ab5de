import type { Host } from "../../host/host.ts";
import { reasonOf } from "../failure.ts";
import { logToKernel } from "../kernel-log.ts";
import { renewLoader } from "../slots/loader.ts";
import { onTrial } from "../slots/trial.ts";
import { superviseTrial } from "../trial/supervise.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os trial`, a service: looks at the node until it is to be kept or given up, and does that. It does not end by
 * itself, because its supervisor would start it again: it has its own service stopped. The boot loader follows what was
 * kept; if it cannot, the next boot tries again.
 */
export async function trialCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  const trial = onTrial(host);
  if (trial !== undefined) await superviseTrial(host, trial);
  await renewLoader(host).catch((error) => logToKernel(host, `the boot loader was not renewed: ${reasonOf(error)}`));
  await host.exec(["rc-service", "k3os-trial", "stop"], { inherit: true });
  return 0;
}
