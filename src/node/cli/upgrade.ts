import { plan } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { readFacts } from "../facts.ts";
import { formatBytes } from "../format-bytes.ts";
import { loadConfig } from "../layers.ts";
import { terminalProgress } from "../terminal/progress.ts";
import type { K3s } from "../upgrade/datastore.ts";
import { prune } from "../upgrade/prune.ts";
import { type Restorable, restorable, rollback } from "../upgrade/rollback.ts";
import { restartIntoTrial, type Upgraded, upgrade } from "../upgrade/upgrade.ts";
import { restartAndStay, upgradeAndWait } from "../upgrade/wait.ts";
import { parseArguments } from "./arguments.ts";
import { isConfirmed } from "./confirm.ts";
import { readUpgradeOptions } from "./upgrade-arguments.ts";

/** `k3os upgrade`: puts an image into the slot that is not in use, and restarts into its trial. */
export async function upgradeCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = readUpgradeOptions(args, host.env);
  const { config } = loadConfig(host);
  const progress = terminalProgress({ mode: "lines", columns: 80, write: (text) => host.warn(text) });
  const warn = (text: string) => host.warn(`k3os: ${text}\n`);
  const result = options.wait
    ? await upgradeAndWait(host, config, options, progress, warn)
    : await upgrade(host, config, options, progress);
  const restarts = result.state === "armed" && options.reboot;
  if (restarts && options.wait) {
    warn(sentence(result, true));
    return restartAndStay(host);
  }
  console.log(options.json ? JSON.stringify(result) : sentence(result, options.reboot));
  if (restarts) await restartIntoTrial(host);
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
  const options = parseArguments(args, { flags: ["--restore-datastore", "--yes", "--no-reboot", "--json"] });
  const restores = options["--restore-datastore"] !== undefined;
  if (options["--yes"] && !restores) throw new K3osError("usage", "--yes answers the question of --restore-datastore");
  const found = restores ? await restorable(host, k3sStep(host)) : undefined;
  if (found !== undefined && !options["--yes"]) {
    const question = { warning: loss(found), word: "restore", command: "k3os rollback --restore-datastore" };
    if (!(await isConfirmed(host, question))) return 1;
  }
  const result = await rollback(host, found && { restore: found.copy });
  const { version, slot, needsRestart } = result;
  if (options["--json"]) console.log(JSON.stringify({ ...result, ...(found && { restores: iso(found.copy.at) }) }));
  else {
    const datastore = found === undefined ? "" : `, with the datastore of ${minute(found.copy.at)}`;
    console.log(
      `${version} in slot ${slot} is kept from now on${datastore}${needsRestart ? "" : ", and it runs already"}`,
    );
  }
  if (needsRestart && !options["--no-reboot"]) await run(host, ["openrc-shutdown", "--reboot", "now"]);
  return 0;
}

/** What restoring the datastore loses, for whoever decides. */
function loss({ copy, size, version }: Restorable): string {
  return `The datastore is put back as ${version} left it at ${minute(copy.at)} (${formatBytes(size)}).
Everything that was written to the cluster since then is lost: objects, secrets, changes of settings.
Volumes keep their data. What was lost may still be there as a directory or a container that nobody knows.`;
}

const iso = (at: number) => new Date(at).toISOString();
const minute = (at: number) => `${iso(at).slice(0, 16).replace("T", " ")} UTC`;

/** How k3s is started on this node. */
function k3sStep(host: Host): K3s | undefined {
  return plan(loadConfig(host).config, readFacts(host)).find((step) => step.kind === "k3s");
}

/** `k3os prune`: removes images that no slot needs. */
export async function pruneCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--json"] });
  const removed = await prune(host);
  if (options["--json"]) console.log(JSON.stringify({ removed }));
  else console.log(removed.length === 0 ? "There is nothing to remove." : `Removed: ${removed.join(", ")}`);
  return 0;
}
