import { Command } from "commander";
import { K3osError } from "../../errors.ts";
import { type Machine, machinesOf } from "../../vm/machine.ts";
import type { MachineState } from "../../vm/record.ts";
import { clusterNameIn, requireClusterFile } from "../cluster-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { refuseOtherFile, requireMachine } from "../machines.ts";
import { examples, jsonOption, nameOption } from "../options.ts";
import { asStep, withProgress } from "../progress/index.ts";

interface DownOptions {
  readonly name: string;
  readonly force?: boolean;
  readonly purge?: boolean;
  readonly file?: string;
  readonly json?: boolean;
}

export function downCommand(io: Io): Command {
  const down = new Command("down")
    .summary("stop a machine")
    .description("Presses the machine's power button; if it has not gone after two minutes, it is switched off.")
    .addOption(nameOption())
    .option("--file <cluster.yaml>", "instead of one machine, all that were started by this cluster file, agents first")
    .option("-f, --force", "switch it off at once")
    .option("--purge", "also remove its keys, logs and everything else that is kept of it")
    .addOption(jsonOption())
    .action((options: DownOptions, command: Command) => {
      if (options.file === undefined) return runDown(options, io);
      if (command.getOptionValueSource("name") === "cli") {
        throw new K3osError("usage", "--name does not go with --file.", { hint: "Leave one of the two away." });
      }
      return runFile(options.file, options, io);
    });
  return examples(
    down,
    ["./k3os down", "stop it"],
    ["./k3os down --name a --purge", "stop it and forget it"],
    ["./k3os down --file cluster.yaml", "stop all machines of a cluster file"],
  );
}

async function runDown(options: DownOptions, io: Io): Promise<void> {
  const result = await stop(requireMachine(options.name), options, io);
  if (options.json === true) printJson(io, result);
}

/** Stops the agents of a cluster before its servers, so that what they do at their end is still noted. */
async function runFile(path: string, options: DownOptions, io: Io): Promise<void> {
  // A mistake elsewhere in the file keeps nobody from stopping its machines.
  const name = clusterNameIn(path) ?? requireClusterFile(path, io).name;
  const machines = machinesOf(name);
  refuseOtherFile(path, name, machines);
  const isServer = (machine: Machine) => machine.record.from?.role === "server";
  const results: Stopped[] = [];
  for (const group of [machines.filter((one) => !isServer(one)), machines.filter(isServer)])
    results.push(...(await Promise.all(group.map((machine) => stop(machine, options, io)))));
  if (options.json === true) return printJson(io, results);
  if (machines.length === 0) printLine(io, `There is no machine of the cluster "${name}".`);
}

interface Stopped {
  readonly name: string;
  readonly was: MachineState;
  readonly purged: boolean;
}

async function stop(machine: Machine, { force, purge = false, json = false }: DownOptions, io: Io): Promise<Stopped> {
  const { name, state: was } = machine;
  if (was === "running") {
    await withProgress(io, json, (progress) =>
      asStep(
        progress,
        `Stop ${name}`,
        () => machine.stop({ ...(force === true && { graceMs: 0 }), signal: io.signal }),
        (clean) => (clean ? "" : "switched off"),
      ),
    );
  }
  if (purge) machine.remove();
  if (!json && was !== "running" && !purge) printLine(io, `The machine "${name}" was not running (${was}).`);
  if (!json && purge) printLine(io, `Nothing of the machine "${name}" is left.`);
  return { name, was, purged: purge };
}
