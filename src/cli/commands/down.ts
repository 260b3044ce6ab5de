import { Command } from "commander";
import { type Io, printJson, printLine } from "../io.ts";
import { requireMachine } from "../machines.ts";
import { examples, jsonOption, nameOption } from "../options.ts";
import { asStep, withProgress } from "../progress/index.ts";

interface DownOptions {
  readonly name: string;
  readonly force?: boolean;
  readonly purge?: boolean;
  readonly json?: boolean;
}

export function downCommand(io: Io): Command {
  const down = new Command("down")
    .summary("stop a machine")
    .description("Presses the machine's power button; if it has not gone after two minutes, it is switched off.")
    .addOption(nameOption())
    .option("-f, --force", "switch it off at once")
    .option("--purge", "also remove its keys, logs and everything else that is kept of it")
    .addOption(jsonOption())
    .action((options: DownOptions) => runDown(options, io));
  return examples(down, ["./k3os down", "stop it"], ["./k3os down --name a --purge", "stop it and forget it"]);
}

async function runDown(options: DownOptions, io: Io): Promise<void> {
  const machine = requireMachine(options.name);
  const before = machine.state;
  if (before === "running") {
    await withProgress(io, options.json === true, (progress) =>
      asStep(
        progress,
        `Stop ${options.name}`,
        () => machine.stop({ ...(options.force === true && { graceMs: 0 }), signal: io.signal }),
        (clean) => (clean ? "" : "switched off"),
      ),
    );
  }
  if (options.purge === true) machine.remove();
  if (options.json === true) return printJson(io, { name: options.name, was: before, purged: options.purge === true });
  if (before !== "running" && options.purge !== true)
    printLine(io, `The machine "${options.name}" was not running (${before}).`);
  if (options.purge === true) printLine(io, `Nothing of the machine "${options.name}" is left.`);
}
