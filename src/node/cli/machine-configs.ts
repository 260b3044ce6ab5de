import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { MachineConfig } from "../../kubernetes/machine-config.ts";
import { isObject } from "../../kubernetes/merge-patch.ts";
import { applyLive, applyWithRestart, planConfigs, stageConfigTrial } from "../agent/config.ts";
import { observeDrift } from "../agent/drift.ts";
import { readNodeName } from "../node-name.ts";
import { refusalOfRevision } from "../slots/given-up.ts";
import { nameOfRevision } from "../slots/journal.ts";
import { restartIntoTrial } from "../upgrade/upgrade.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os machine-configs --file FILE`: takes over the MachineConfigs of a file, as `kubectl get -o json` prints them,
 * without an API: for tests, and for a node that has lost its cluster. `--plan` only prints what that would do. With
 * `--drift` instead of a file, prints what differs from the config that is applied.
 */
export async function machineConfigsCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--plan", "--drift", "--no-reboot"], values: ["--file"] });
  if (options["--drift"]) return print(await observeDrift(host));
  const file = options["--file"];
  if (file === undefined) {
    throw new K3osError("usage", "--file is missing: MachineConfigs as JSON", { hint: HOW });
  }
  const labels = { "kubernetes.io/hostname": readNodeName(host) ?? "" };
  const { layer, effect, ...planned } = planConfigs(host, readConfigs(host, file), labels);
  if (options["--plan"]) return print({ ...planned, effect: effect ?? null });
  const refusal = await refusalOfRevision(host, layer.revision);
  if (refusal !== undefined) {
    const what = nameOfRevision(layer.revision);
    throw new K3osError("host", `${what} was tried on this node and given up: ${refusal.reason}`);
  }
  if (effect === "Reboot") {
    const slot = await stageConfigTrial(host, layer);
    print({ effect, slot });
    if (!options["--no-reboot"]) await restartIntoTrial(host);
    return 0;
  }
  if (effect !== "Restart") {
    const { failures } = await applyLive(host, layer);
    return print({ effect: effect ?? null, failures }, failures.length === 0);
  }
  const { kind, reason, applied } = await applyWithRestart(host, layer);
  return print({ effect, kind, reason, failures: applied.failures }, kind === "kept");
}

const HOW = "kubectl get machineconfigs -o json >FILE";

function readConfigs(host: Host, file: string): readonly MachineConfig[] {
  const text = readTextIf(host, file);
  if (text === undefined) throw new K3osError("usage", `there is no file ${file}`, { hint: HOW });
  const found = parse(text, file);
  const configs = isObject(found) && Array.isArray(found.items) ? found.items : [found];
  const strange = configs.find((config) => !isMachineConfig(config));
  if (strange === undefined) return configs as readonly MachineConfig[];
  const got = isObject(strange) && typeof strange.kind === "string" ? strange.kind : JSON.stringify(strange);
  throw new K3osError("usage", `${file}: expected MachineConfigs, each with a name and a spec, got ${got}`, {
    hint: HOW,
  });
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new K3osError("usage", `${file} is no JSON: ${error.message}`, { hint: HOW });
  }
}

function isMachineConfig(value: unknown): boolean {
  if (!isObject(value) || value.kind !== "MachineConfig" || !isObject(value.spec)) return false;
  return isObject(value.metadata) && typeof value.metadata.name === "string";
}

function print(value: unknown, isGood = true): number {
  console.log(JSON.stringify(value));
  return isGood ? 0 : 1;
}
