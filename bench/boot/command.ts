import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { buildIso } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, memoryOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import type { Progress } from "../../src/progress.ts";
import { chooseAccel } from "../../src/vm/accel.ts";
import type { Accel } from "../../src/vm/qemu.ts";
import { bootedDiskMachine, diskMachine } from "../machines/disk.ts";
import { floorMachine } from "../machines/floor.ts";
import { type BenchMachine, type Conditions, type MachineName, machineNames, titles } from "../machines/machine.ts";
import { osMachine } from "../machines/os.ts";
import { commonParts } from "../machines/parts.ts";
import { peerMachine } from "../machines/peer.ts";
import { inBenchWorkshop } from "../machines/workshop.ts";
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
      "Boots k3OS, the floor (same kernel, root and k3s, smallest possible init) and the peer (Debian with systemd, same " +
        "kernel and k3s) in turns, the first and the second boot of a disk too, and prints how long each stage took and what memory is used.",
    )
    .addOption(numberOption("-n, --runs <count>", "boots of each machine", 1, 100).default(5))
    .addOption(memoryOption().default(1024, "1G"))
    .addOption(numberOption("-c, --cpus <count>", "processors", 1, 64).default(Math.min(2, availableParallelism())))
    .addOption(
      new Option("--only <machines>", `${machineNames.join(", ")}, separated by commas`)
        .default(machineNames, machineNames.join())
        .argParser(parseMachines),
    )
    .addOption(new Option("--accel <how>", "instead of finding out").choices(["kvm", "tcg"]))
    .addOption(numberOption("--timeout <seconds>", "how long one boot may take in all", 1, 7200).default(900))
    .option("--append <words>", "more words for the kernel of every machine, for experiments", "")
    .option("--verbose", "also print what the guests reported")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: BootCommandOptions) => runBoots(options, io));
}

function parseMachines(text: string): MachineName[] {
  const names = text.split(",");
  const known = machineNames.filter((name) => names.includes(name));
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(`Choose from ${machineNames.join(", ")}.`);
}

async function runBoots(options: BootCommandOptions, io: Io): Promise<void> {
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const { image, dir } = await buildIso({ progress, signal: io.signal });
    const { accel } = options.accel
      ? { accel: options.accel }
      : await chooseAccel({ tools: image.tools, kernel: image.kernel, progress, signal: io.signal });
    const iso = join(dir, "k3os.iso");
    const conditions = { image, iso, accel, memoryMiB: options.memory, cpus: options.cpus, append: options.append };
    const machines = await prepare(options.only, conditions, progress, io);
    return bootInTurns(machines, conditions, options, progress, io);
  });
  if (options.verbose) for (const { machine, report } of measured.boots) io.stderr.write(`\n${machine}\n${report}`);
  printMeasured(io, options, bootTables(measured), {
    ...{ runs: options.runs, memory_mib: options.memory, cpus: options.cpus },
    ...bootJson(measured),
  });
}

function prepare(
  only: readonly MachineName[],
  conditions: Conditions,
  progress: Progress,
  io: Io,
): Promise<BenchMachine[]> {
  return inBenchWorkshop({ image: conditions.image, progress, signal: io.signal }, async (shop) => {
    const context = { progress, signal: io.signal };
    let parts: ReturnType<typeof commonParts> | undefined;
    const common = () => (parts ??= commonParts(shop));
    const make: Readonly<Record<MachineName, () => Promise<BenchMachine>>> = {
      os: async () => osMachine(conditions),
      floor: async () => floorMachine(await common(), conditions),
      peer: async () => peerMachine(shop, await common(), conditions),
      disk: () => diskMachine(conditions, context),
      again: () => bootedDiskMachine(conditions, context),
    };
    const machines: BenchMachine[] = [];
    for (const name of only) machines.push(await make[name]());
    return machines;
  });
}

/** Boots the machines in turns, so that a busy host slows all of them down alike. */
async function bootInTurns(
  machines: readonly BenchMachine[],
  { image }: Conditions,
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
