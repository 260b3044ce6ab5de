import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import type { BuiltImage } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, memoryOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import type { Progress } from "../../src/progress.ts";
import type { Accel } from "../../src/vm/qemu.ts";
import { type BenchMachine, type MachineName, machineNames, titles } from "../machines/machine.ts";
import { parseMachines, prepareMachines } from "../machines/prepare.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { type Boot, bootOnce } from "./boot.ts";
import { bootJson, bootTables, type Measured } from "./summary.ts";

interface BootCommandOptions extends OutputOptions {
  readonly runs: number;
  readonly memory: number;
  readonly cpus: number;
  readonly append: string;
  readonly only: readonly MachineName[];
  readonly accel?: Accel;
  readonly timeout: number;
  readonly verbose?: boolean;
}

export function bootCommand(io: Io): Command {
  return new Command("boot")
    .description(
      "Boots k3OS, its flavour for real machines, the floor (same kernel, root and k3s, smallest possible init) and the peer (Debian with systemd, same " +
        "kernel and k3s) in turns, the first and the second boot of a disk too, and prints how long each stage took and what memory is used.",
    )
    .addOption(numberOption("-n, --runs <count>", "boots of each machine", 1, 100).default(5))
    .addOption(memoryOption().default(1024, "1G"))
    .addOption(numberOption("-c, --cpus <count>", "processors", 1, 64).default(Math.min(2, availableParallelism())))
    .addOption(
      new Option("--only <machines>", `${machineNames.join(", ")}, separated by commas`)
        .default(machineNames, machineNames.join())
        .argParser((text) => parseMachines(text, machineNames)),
    )
    .addOption(new Option("--accel <how>", "instead of finding out").choices(["kvm", "tcg"]))
    .addOption(numberOption("--timeout <seconds>", "how long one boot may take in all", 1, 7200).default(900))
    .option("--append <words>", "more words for the kernel of every machine, for experiments", "")
    .option("--verbose", "also print what the guests reported")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: BootCommandOptions) => runBoots(options, io));
}

async function runBoots(options: BootCommandOptions, io: Io): Promise<void> {
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const { machines, image } = await prepareMachines({
      ...{ only: options.only, memoryMiB: options.memory, cpus: options.cpus, append: options.append },
      ...{ accel: options.accel, progress, signal: io.signal },
    });
    return bootInTurns(machines, image, options, progress, io);
  });
  if (options.verbose) for (const { machine, report } of measured.boots) io.stderr.write(`\n${machine}\n${report}`);
  printMeasured(io, options, bootTables(measured), {
    ...{ runs: options.runs, memory_mib: options.memory, cpus: options.cpus },
    ...bootJson(measured),
  });
}

/** Boots the machines in turns, so that a busy host slows all of them down alike. */
async function bootInTurns(
  machines: readonly BenchMachine[],
  image: BuiltImage,
  { runs, timeout }: BootCommandOptions,
  progress: Progress,
  io: Io,
): Promise<Measured> {
  const boots: Boot[] = [];
  for (let turn = 1; turn <= runs; turn++) {
    for (const machine of machines) {
      const boot = await asStep(
        progress,
        `${titles[machine.name]}, boot ${turn} of ${runs}`,
        (onStage) => bootOnce(machine, { tools: image.tools, timeoutMs: timeout * 1000, signal: io.signal, onStage }),
        ({ marks, memory }) => `Ready at ${marks.ready?.toFixed(1)} s, ${memory?.used.toFixed(0)} MiB used`,
      );
      boots.push(boot);
    }
  }
  return { boots, sizes: Object.fromEntries(machines.map(({ name, sizes }) => [name, sizes])) };
}
