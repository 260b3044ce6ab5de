import { Command } from "commander";
import { findProject } from "../../src/build/project.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { runCommand } from "../../src/process/run.ts";
import type { Progress } from "../../src/progress.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded, spread } from "../statistics.ts";
import { cell } from "../table.ts";
import { copyProject, type ProjectCopy } from "./copy.ts";
import { type MadeStep, madeSteps } from "./steps.ts";

interface BuildBenchOptions extends OutputOptions {
  readonly runs: number;
  readonly up: boolean;
  readonly cold?: boolean;
}

/** A change that a developer makes, and the command that he runs after it. */
interface Case {
  readonly key: string;
  readonly title: string;
  /** Done before the command is timed; `turn` makes every change another one. */
  change?(copy: ProjectCopy, turn: number): void;
  readonly command: readonly string[];
  /** Undoes the command. Not timed. */
  readonly afterwards?: readonly string[];
}

const build = ["./k3os", "build"];
const cases: readonly Case[] = [
  { key: "unchanged_s", title: "nothing changed: ./k3os build", command: build },
  {
    key: "os_file_s",
    title: "a file of os/rootfs changed: ./k3os build",
    change: (copy, turn) => copy.append("os/rootfs/etc/issue", `bench ${turn}\n`),
    command: build,
  },
  {
    key: "node_code_s",
    title: "TypeScript of the node changed: ./k3os build",
    // An export survives the bundler, a comment would not.
    change: (copy, turn) => copy.append("src/node/main.ts", `export const bench${turn} = "bench ${turn}";\n`),
    command: build,
  },
];
const powerOn: Case = {
  key: "power_on_s",
  title: "nothing changed: the machine is powered on (./k3os up --no-wait)",
  command: ["./k3os", "up", "--no-wait", "--name", "bench", "--memory", "1G"],
  afterwards: ["./k3os", "down", "--purge", "--name", "bench"],
};

export function buildBenchCommand(io: Io): Command {
  return new Command("build")
    .description("Measures what one waits for after a change, on a copy of the working tree.")
    .addOption(numberOption("-n, --runs <count>", "how often", 1, 100).default(3))
    .option("--cold", "first build everything from an empty cache (downloaded Go modules are kept)")
    .option("--no-up", "start no machine")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: BuildBenchOptions) => runBuilds(options, io));
}

async function runBuilds(options: BuildBenchOptions, io: Io): Promise<void> {
  const chosen = options.up ? [...cases, powerOn] : cases;
  const { first, steps, seconds } = await withProgress(io, quiet(options), async (progress) => {
    const copy = await copyProject(findProject(), { isCold: options.cold ?? false, signal: io.signal });
    try {
      const title = options.cold ? "Build from an empty cache" : "Build the copy for the first time";
      const start = performance.now();
      const printed = await asStep(progress, title, () => run(copy, build, io.signal));
      return {
        first: (performance.now() - start) / 1000,
        steps: madeSteps(printed),
        seconds: await measure(chosen, copy, options.runs, progress, io.signal),
      };
    } finally {
      copy.remove();
    }
  });
  const results = chosen.map(({ key, title }) => ({ key, title, spread: spread(seconds.get(key) ?? []) }));
  const waits = {
    title: "Seconds until the command is done, median (least–most)",
    table: {
      head: ["", "seconds"],
      rows: [
        ...(options.cold ? [["empty cache: ./k3os build", first.toFixed(0)]] : []),
        ...results.map(({ title, spread }) => [title, cell(spread)]),
      ],
    },
  };
  printMeasured(io, options, [waits, ...(options.cold ? [stepsTable(steps)] : [])], {
    runs: options.runs,
    ...(options.cold && { cold_s: rounded(first, 1), cold_steps_s: steps }),
    ...Object.fromEntries(results.map(({ key, spread }) => [key, rounded(spread?.median, 2)])),
  });
}

function stepsTable(steps: readonly MadeStep[]) {
  return {
    title: "The steps of that build; some run side by side",
    table: { head: ["", "seconds"], rows: steps.map(({ title, seconds }) => [title, seconds.toFixed(1)]) },
  };
}

async function measure(
  chosen: readonly Case[],
  copy: ProjectCopy,
  runs: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<Map<string, number[]>> {
  const seconds = new Map(chosen.map(({ key }) => [key, [] as number[]]));
  for (const { key, title, change, command, afterwards } of chosen) {
    await asStep(progress, title, async (update) => {
      for (let turn = 1; turn <= runs; turn++) {
        update(`${turn} of ${runs}`);
        change?.(copy, turn);
        const start = performance.now();
        try {
          await run(copy, command, signal);
          seconds.get(key)?.push((performance.now() - start) / 1000);
        } finally {
          // Runs after Ctrl-C, too, so that no machine is left running.
          if (afterwards) await run(copy, afterwards, new AbortController().signal).catch(() => {});
        }
      }
    });
  }
  return seconds;
}

function run(copy: ProjectCopy, command: readonly string[], signal: AbortSignal): Promise<string> {
  return runCommand(command, { cwd: copy.project, env: copy.env, signal });
}
