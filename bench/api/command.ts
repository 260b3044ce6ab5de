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
import { manyClients, type Start, startOnce } from "./server.ts";

interface ApiOptions extends OutputOptions {
  readonly runs: number;
  readonly timeout: number;
  readonly idle?: number;
  readonly creates?: number;
  readonly k3s?: readonly string[];
  readonly objects?: boolean;
  readonly memory?: number;
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
    .addOption(numberOption("--creates <count>", "also create so many objects after the first start", 16, 100_000))
    .addOption(numberOption("--memory <seconds>", "also look at the memory so long after the API is ready", 1, 3600))
    .option("--objects", "also measure, in turns, a server that knows machines, pools and configurations")
    .option("--k3s <file...>", "the binaries to measure, in turns, instead of the image's")
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: ApiOptions) => runApi(options, io));
}

async function runApi(options: ApiOptions, io: Io): Promise<void> {
  const { signal } = io;
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const binaries = options.k3s ?? [(await build({ progress, signal })).k3s];
    const title = `Start the server ${options.runs} times`;
    return asStep(progress, title, async (update) => {
      const done = binaries.flatMap((k3s) =>
        (options.objects ? [false, true] : [false]).map((objects) => ({ k3s, objects, starts: [] as Starts[] })),
      );
      for (let run = 1; run <= options.runs; run++) {
        update(`${run}`);
        for (const { k3s, objects, starts } of done) {
          starts.push(await startTwice(k3s, { ...options, objects }, signal));
        }
      }
      return done;
    });
  });
  const title = (k3s: string, objects: boolean) => {
    const server = options.k3s === undefined || options.k3s.length === 1 ? "The k3s server as a process" : k3s;
    return objects ? `${server}, with Machines, MachinePools and MachineConfigs` : server;
  };
  printMeasured(
    io,
    options,
    measured.map(({ k3s, objects, starts }) => ({
      title: `${title(k3s, objects)}, median (least–most)`,
      table: table(starts),
    })),
    {
      runs: options.runs,
      binaries: measured.map(({ starts, ...which }) => ({ ...which, ...medians(starts), starts })),
    },
  );
}

async function startTwice(k3s: string, options: ApiOptions, signal: AbortSignal): Promise<Starts> {
  const { timeout, idle, creates, objects = false, memory } = options;
  const dir = mkdtempSync(join(tmpdir(), "k3os-bench-api-"));
  try {
    const both = { timeoutMs: timeout * 1000, signal, ...(memory !== undefined && { memoryAfter: memory }) };
    const more = {
      objects,
      ...(idle !== undefined && { idleSeconds: idle }),
      ...(creates !== undefined && { creates }),
    };
    const first = await startOnce(k3s, dir, { ...both, ...more });
    return { first, again: await startOnce(k3s, dir, both) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function over(starts: readonly Starts[], which: keyof Starts, what: keyof Start) {
  return spread(starts.map((pair) => pair[which][what]));
}

function medians(starts: readonly Starts[]): Record<string, number | undefined> {
  const first = (what: keyof Start, digits: number) => rounded(over(starts, "first", what)?.median, digits);
  const again = (what: keyof Start, digits: number) => rounded(over(starts, "again", what)?.median, digits);
  return {
    api_ready_s: first("readySeconds", 3),
    api_cpu_s: first("cpuSeconds", 3),
    stop_s: first("stopSeconds", 3),
    restart_ready_s: again("readySeconds", 3),
    restart_cpu_s: again("cpuSeconds", 3),
    idle_cpu_ms_per_s: first("idleCpu", 1),
    memory_mb: first("memory", 1),
    restart_memory_mb: again("memory", 1),
    creates_per_s: first("createsOfOne", 0),
    creates_per_s_many_clients: first("createsOfMany", 0),
  };
}

function table(starts: readonly Starts[]): Table {
  const row = (title: string, what: keyof Start, digits = 2) => [
    title,
    cell(over(starts, "first", what), digits),
    cell(over(starts, "again", what), digits),
  ];
  /** Rows of what is measured only if it is asked for. */
  const optional = [
    row("idle, ms of processor time a second", "idleCpu", 1),
    row("anonymous memory, MB", "memory", 1),
    row("objects created a second by one client", "createsOfOne", 0),
    row(`objects created a second by ${manyClients} clients`, "createsOfMany", 0),
  ].filter(([, first]) => first !== cell(undefined));
  return {
    head: ["", "first start", "restart"],
    rows: [
      row("API ready, s", "readySeconds"),
      row("of it processor time, s", "cpuSeconds"),
      row("stop, s", "stopSeconds"),
      ...optional,
    ],
  };
}
