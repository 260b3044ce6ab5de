import type { Host } from "../../host/host.ts";
import { readFacts } from "../facts.ts";
import { loadConfig } from "../layers.ts";
import { autoUpgrade } from "../upgrade/auto.ts";
import { isAuto } from "../upgrade/auto-service.ts";
import { parseArguments } from "./arguments.ts";

/** Ends the service. */
const NOT_WANTED = 3;

/**
 * `k3os auto`, for the service k3os-auto: one look at the channel. Prints the seconds until the next one; status 3 if
 * the config does not want it any more.
 */
export async function autoCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  const { config } = loadConfig(host);
  if (!isAuto(config, readFacts(host).mode)) return NOT_WANTED;
  console.log(`${await autoUpgrade(host, config)}`);
  return 0;
}
