import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { build } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded, spread } from "../statistics.ts";
import { cell, type Table } from "../table.ts";
import { type Start, startOnce } from "./server.ts";

interface ApiOptions extends OutputOptions {
  readonly runs: number;
  readonly timeout: number;
  readonly idle?: number;
  readonly k3s?: string;
}

/** A server's first start, which makes all certificates, and the next one on the same data. */
interface Starts {
  readonly first: Start;
  readonly again: Start;
}

export function apiCommand(io: Io): Command {
  return new Command("api")
    .description(
      "Starts the k3s server as a process of this machine, without a node, and prints how long it takes until /readyz " +
        "says ok, and how much of that is processor time. Needs root, as k3s does.",
    )
    .addOption(numberOption("-n, --runs <count>", "starts", 1, 1000).default(10))
    .addOption(numberOption("--timeout <seconds>", "how long one start may take", 1, 3600).default(60))
    .addOption(
      numberOption(
        "--idle <seconds>",
        "also watch the first start idle for so long, a minute after it is ready",
        1,
        86_400,
      ),
    )
    .option("--k3s <file>", "the binary to measure, instead of the image's")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: ApiOptions) => runApi(options, io));
}

async function runApi(options: ApiOptions, io: Io): Promise<void> {
  const { signal } = io;
  const starts = await withProgress(io, quiet(options), async (progress) => {
    const k3s = options.k3s ?? (await build({ progress, signal })).k3s;
    const title = `Start the server ${options.runs} times`;
    return asStep(progress, title, async (update) => {
      const done: Starts[] = [];
      while (done.length < options.runs) {
        update(`${done.length + 1}`);
        done.push(await startTwice(k3s, options, signal));
      }
      return done;
    });
  });
  printMeasured(io, options, [{ title: "The k3s server as a process, median (least–most)", table: table(starts) }], {
    runs: options.runs,
    api_ready_s: rounded(over(starts, "first", "readySeconds")?.median, 3),
    api_cpu_s: rounded(over(starts, "first", "cpuSeconds")?.median, 3),
    restart_ready_s: rounded(over(starts, "again", "readySeconds")?.median, 3),
    restart_cpu_s: rounded(over(starts, "again", "cpuSeconds")?.median, 3),
    idle_cpu_ms_per_s: rounded(over(starts, "first", "idleCpu")?.median, 1),
    starts,
  });
}

async function startTwice(k3s: string, { timeout, idle }: ApiOptions, signal: AbortSignal): Promise<Starts> {
  const dir = mkdtempSync(join(tmpdir(), "k3os-bench-api-"));
  try {
    const options = { timeoutMs: timeout * 1000, signal };
    const first = await startOnce(k3s, dir, { ...options, ...(idle !== undefined && { idleSeconds: idle }) });
    return { first, again: await startOnce(k3s, dir, options) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function over(starts: readonly Starts[], which: keyof Starts, what: keyof Start) {
  return spread(starts.map((pair) => pair[which][what]));
}

function table(starts: readonly Starts[]): Table {
  const row = (title: string, what: keyof Start, digits = 2) => [
    title,
    cell(over(starts, "first", what), digits),
    cell(over(starts, "again", what), digits),
  ];
  const idle =
    over(starts, "first", "idleCpu") === undefined ? [] : [row("idle, ms of processor time a second", "idleCpu", 1)];
  return {
    head: ["", "first start", "restart"],
    rows: [row("API ready, s", "readySeconds"), row("of it processor time, s", "cpuSeconds"), ...idle],
  };
}
