import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, memoryOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import type { Accel } from "../../src/vm/qemu.ts";
import { runGuest } from "../machines/guest-run.ts";
import { type MachineName, titles } from "../machines/machine.ts";
import { parseMachines, prepareMachines } from "../machines/prepare.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { type Pods, podsJson, podsOf, podsTable } from "./summary.ts";

interface PodsOptions extends OutputOptions {
  readonly pods: number;
  readonly memory: number;
  readonly cpus: number;
  readonly only: readonly MachineName[];
  readonly accel?: Accel;
  readonly timeout: number;
  readonly verbose?: boolean;
}

/** Those that take words for their kernel, which tell the probe what to do. */
const names = ["os", "floor", "peer"] as const;

export function podsCommand(io: Io): Command {
  return new Command("pods")
    .description(
      "Starts many pods at once on one node, on k3OS and on the peer (Debian with systemd, same kernel and k3s), and " +
        "prints how long it takes until all of them run, whose processor time that is, and what memory each costs.",
    )
    .addOption(numberOption("--pods <count>", "pods, beside those of the system", 1, 105).default(100))
    .addOption(memoryOption().default(2048, "2G"))
    .addOption(numberOption("-c, --cpus <count>", "processors", 1, 64).default(Math.min(2, availableParallelism())))
    .addOption(
      new Option("--only <machines>", `${names.join(", ")}, separated by commas`)
        .default(["os", "peer"], "os,peer")
        .argParser((text) => parseMachines(text, names)),
    )
    .addOption(new Option("--accel <how>", "instead of finding out").choices(["kvm", "tcg"]))
    .addOption(numberOption("--timeout <seconds>", "how long one machine may take in all", 1, 36_000).default(1800))
    .option("--verbose", "also print what the guests reported")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: PodsOptions) => runPods(options, io));
}

async function runPods(options: PodsOptions, io: Io): Promise<void> {
  const { pods: count, memory: memoryMiB, cpus, only, timeout } = options;
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const append = `k3os-bench.pods=${count}`;
    const { machines, image } = await prepareMachines({
      ...{ only, memoryMiB, cpus, append, accel: options.accel, progress, signal: io.signal },
    });
    const all: Pods[] = [];
    for (const machine of machines) {
      const pods = await asStep(
        progress,
        `${titles[machine.name]}, ${count} pods`,
        async (update) => {
          const { lines, text } = await runGuest(machine, image.tools, {
            timeoutMs: timeout * 1000,
            signal: io.signal,
            onLine: ({ kind, rest }) => {
              if (kind === "running") update(`${rest} run`);
              else if (["mark", "reached", "fail"].includes(kind)) update(rest);
            },
          });
          if (options.verbose) io.stderr.write(`\n${machine.name}\n${text}`);
          return podsOf(machine.name, lines, count);
        },
        (one) => `${one.all.toFixed(0)} s`,
      );
      all.push(pods);
    }
    return all;
  });
  const title = `${count} pods on a node of ${memoryMiB} MiB and ${cpus} processors`;
  printMeasured(io, options, [{ title, table: podsTable(measured) }], {
    ...{ pods: count, memory_mib: memoryMiB, cpus },
    ...podsJson(measured),
  });
}
