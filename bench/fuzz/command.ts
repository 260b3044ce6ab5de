import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { findProject } from "../../src/build/project.ts";
import { type Io, printLine } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import type { Table } from "../table.ts";
import { type Fuzzed, inputOf, together } from "./fuzz.ts";
import { quickjsFuzzer } from "./quickjs.ts";
import { readSeeds } from "./seeds.ts";
import { fuzzInThread } from "./worker.ts";

interface FuzzOptions extends OutputOptions {
  readonly runs: number;
  readonly seed: number;
  readonly show?: number;
  readonly quickjs?: boolean;
}

export function fuzzCommand(io: Io): Command {
  return new Command("fuzz")
    .description(
      "Reads mutated config.yaml files and kernel command lines as a node would. No input may crash the reader, hang it, be " +
        "rejected without a place, or cost a node what its other layers say. The same seed gives the same inputs. The exit " +
        "status is 1 if there is a defect.",
    )
    .addOption(numberOption("-n, --runs <count>", "inputs", 1, 100_000_000).default(50_000))
    .addOption(numberOption("--seed <number>", "another number, other inputs", 0, 2 ** 31).default(1))
    .addOption(numberOption("--show <input>", "print the input of this number, and nothing else", 0, 100_000_000))
    .option("--quickjs", "read them in the engine of the node instead of Node.js, which is much slower")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: FuzzOptions) => runFuzz(options, io));
}

async function runFuzz(options: FuzzOptions, io: Io): Promise<void> {
  const { seed, runs, show } = options;
  const seeds = readSeeds(findProject());
  if (show !== undefined) {
    io.stdout.write(inputOf(seeds, seed, show).text);
    return;
  }
  const start = Date.now();
  const fuzzed = await withProgress(io, quiet(options), (progress) =>
    asStep(progress, `Read ${runs} mutated texts`, async (update) => {
      const quickjs = options.quickjs === true ? await quickjsFuzzer(findProject(), seeds) : undefined;
      try {
        const bundle = fileURLToPath(import.meta.url);
        const inThread = (range: Range) => fuzzInThread(bundle, { seeds, ...range }, io.signal);
        return await inChunks(options, quickjs?.fuzz ?? inThread, update);
      } finally {
        quickjs?.close();
      }
    }),
  );
  const seconds = (Date.now() - start) / 1000;
  const title = `Mutated configurations, seed ${seed}, ${runs} inputs in ${seconds.toFixed(0)} s`;
  printMeasured(io, options, [{ title, table: table(fuzzed) }], { seed, runs, seconds, ...fuzzed });
  if (!options.json) tellDefects(fuzzed, seed, io);
  if (fuzzed.found.length > 0) throw new ExitWith(1);
}

interface Range {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

/** Reads one chunk per processor at a time. */
async function inChunks(
  { seed, runs, quickjs }: FuzzOptions,
  read: (range: Range) => Promise<Fuzzed>,
  update: (done: string) => void,
): Promise<Fuzzed> {
  const size = quickjs ? 100 : 1000;
  const parts: Fuzzed[] = [];
  let next = 0;
  const reader = async () => {
    while (next < runs) {
      const from = next;
      next = Math.min(from + size, runs);
      parts.push(await read({ seed, from, to: next }));
      update(`${Math.min(parts.length * size, runs)}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, reader));
  return together(parts);
}

function table({ counts }: Fuzzed): Table {
  return {
    head: ["read as", "inputs", "accepted", "warned", "rejected", "defects", "slowest (ms)"],
    rows: counts.map(({ kind, verdicts, defects, slowest }) => {
      const { accepted, warned, rejected } = verdicts;
      const numbers = [accepted + warned + rejected + defects, accepted, warned, rejected, defects, slowest];
      return [kind, ...numbers.map(String)];
    }),
  };
}

function tellDefects({ found }: Fuzzed, seed: number, io: Io): void {
  for (const { kind, what, input, layer } of found) {
    printLine(io, `\n${kind}: input ${input}, read as ${layer}: ${what}`);
    printLine(io, `  ./k3os bench fuzz --seed ${seed} --show ${input}`);
  }
}
