import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type Io, printLine } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import type { Table } from "../table.ts";
import { type Booted, bootDisk } from "./boot.ts";
import { record } from "./record.ts";
import { type Replayed, replay } from "./replay.ts";

interface PowerLossOptions extends OutputOptions {
  readonly states: number;
  readonly seed: number;
  readonly boot: number;
  readonly recording?: string;
}

export function powerLossCommand(io: Io): Command {
  return new Command("power-loss")
    .description(
      "Records every write of a machine that is installed, upgraded, kept, returned and pruned, and cuts its power everywhere: " +
        "after each write between two flushes, without a single one, in another order, in the middle of one. Each disk is read by " +
        "GRUB's drivers and by Linux' tools: what the loader starts is whole and verified, the state partition is sound. The exit " +
        "status is 1 if a disk is not.",
    )
    .addOption(numberOption("--states <count>", "disks to look at", 1, 10_000_000).default(24_000))
    .addOption(numberOption("--seed <number>", "another number, other draws", 0, 2 ** 31).default(1))
    .addOption(numberOption("--boot <count>", "disks to boot as well, spread over the recording", 0, 1000).default(0))
    .option("--recording <directory>", "keep the recording there, or take the one that is there")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: PowerLossOptions) => runPowerLoss(options, io));
}

async function runPowerLoss(options: PowerLossOptions, io: Io): Promise<void> {
  const { states, seed, boot: keep, recording: given } = options;
  const { signal } = io;
  const start = Date.now();
  const directory = given ?? mkdtempSync(join(tmpdir(), "k3os-bench-power-loss-"));
  mkdirSync(directory, { recursive: true });
  try {
    const replayed = await withProgress(io, quiet(options), async (progress) => {
      const recording = await asStep(progress, "Record", (update) => record({ directory, signal, update }));
      const { tools } = recording.images.first;
      const replayed = await asStep(progress, "Cut the power", (update) =>
        replay({ tools, recording, states, seed, keep, directory, signal, update }),
      );
      const booted = await asStep(progress, "Boot", async (update) => {
        const done: Booted[] = [];
        for (const disk of replayed.kept) {
          update(`${done.length + 1} of ${replayed.kept.length}`);
          done.push(await bootDisk(recording, disk, signal));
        }
        return done;
      });
      return { ...replayed, booted };
    });
    const seconds = Math.round((Date.now() - start) / 1000);
    const { booted } = replayed;
    const bad = booted.filter(({ fault }) => fault !== undefined);
    const title = `Power cuts, seed ${seed}, ${seconds} s`;
    printMeasured(io, options, [{ title, table: table(replayed) }], { seed, seconds, ...replayed });
    if (!options.json) {
      tellFailures(replayed, seed, io);
      printLine(io, `\n${booted.length} were booted, ${bad.length} of them did not come up as they should.`);
      for (const { name, fault } of bad) printLine(io, `\n${name}: ${fault}`);
    }
    if (replayed.failures.length + bad.length > 0) throw new ExitWith(1);
  } finally {
    if (given === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

const COLUMNS = ["epochs", "states", "distinct", "empty", "failures", "leaked"] as const;

function table({ found }: Replayed): Table {
  const rows = found.map((one) => [one.operation, ...COLUMNS.map((column) => `${one[column]}`)]);
  const sums = COLUMNS.map((column) =>
    column === "leaked"
      ? Math.max(...found.map((one) => one.leaked))
      : found.reduce((sum, one) => sum + one[column], 0),
  );
  return {
    head: ["operation", "epochs", "states", "of them distinct", "nothing boots yet", "failures", "leaked clusters"],
    rows: [...rows, ["all", ...sums.map(String)]],
  };
}

function tellFailures({ failures }: Replayed, seed: number, io: Io): void {
  for (const { operation, epoch, state, kind, faults } of failures.slice(0, 20)) {
    printLine(io, `\n${operation}, epoch ${epoch}, state ${state} (${kind}), seed ${seed}:`);
    for (const fault of faults) printLine(io, `  ${fault}`);
  }
  if (failures.length > 20) printLine(io, `\nand ${failures.length - 20} more`);
}
