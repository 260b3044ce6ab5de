import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { loadConfig } from "../layers.ts";
import { terminalProgress } from "../terminal/progress.ts";
import { prune } from "../upgrade/prune.ts";
import { rollback } from "../upgrade/rollback.ts";
import { restartIntoTrial, type Upgraded, upgrade } from "../upgrade/upgrade.ts";
import { parseArguments } from "./arguments.ts";
import { readUpgradeOptions } from "./upgrade-arguments.ts";

/** `k3os upgrade`: puts an image into the slot that is not in use, and restarts into its trial. */
export async function upgradeCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = readUpgradeOptions(args, host.env);
  const { config } = loadConfig(host);
  const progress = terminalProgress({ mode: "lines", columns: 80, write: (text) => host.warn(text) });
  const result = await upgrade(host, config, options, progress);
  console.log(options.json ? JSON.stringify(result) : sentence(result, options.reboot));
  if (result.state === "armed" && options.reboot) await restartIntoTrial(host);
  return 0;
}

function sentence({ version, slot, state }: Upgraded, restarts: boolean): string {
  if (state === "current") return `${version} is the image that this node keeps: nothing to do`;
  if (state === "staged")
    return `${version} is staged in slot ${slot}; to try it: sudo k3os upgrade with the same image`;
  return restarts
    ? `${version} is tried now: this node restarts`
    : `${version} is tried at the next restart: sudo reboot`;
}

/** `k3os rollback`: makes the other image the one that is kept, and restarts into it. */
export async function rollbackCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--no-reboot", "--json"] });
  const result = await rollback(host);
  const { version, slot, needsRestart } = result;
  if (options["--json"]) console.log(JSON.stringify(result));
  else console.log(`${version} in slot ${slot} is kept from now on${needsRestart ? "" : ", and it runs already"}`);
  if (needsRestart && !options["--no-reboot"]) await run(host, ["openrc-shutdown", "--reboot", "now"]);
  return 0;
}

/** `k3os prune`: removes images that no slot needs. */
export async function pruneCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--json"] });
  const removed = await prune(host);
  if (options["--json"]) console.log(JSON.stringify({ removed }));
  else console.log(removed.length === 0 ? "There is nothing to remove." : `Removed: ${removed.join(", ")}`);
  return 0;
}
