import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { buildDisk } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import type { Progress } from "../../src/progress.ts";
import { agentsOf } from "../../src/vm/cluster.ts";
import { lateTimer } from "../../src/vm/qemu.ts";
import { type ClusterOptions, withCluster } from "../cluster.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded } from "../statistics.ts";
import type { Table } from "../table.ts";
import { type Joined, joinAtOnce } from "./agents.ts";
import { CASES, type CaseName, type Outcome, run, SERVERS } from "./faults.ts";
import { startWriting } from "./writes.ts";

interface FaultsOptions extends OutputOptions {
  readonly faults: readonly CaseName[];
  readonly lasting: number;
  readonly agents: number;
  readonly agentMemory: number;
  readonly timeout: number;
}

interface Measured {
  readonly outcomes: ReadonlyMap<CaseName, Outcome>;
  readonly joined?: Joined;
}

const NAME = "faulty";
const diskMiB = 4096;
const names = Object.keys(CASES) as CaseName[];

export function clusterFaultsCommand(io: Io): Command {
  return new Command("cluster-faults")
    .description(
      "Lets faults happen to a cluster of three servers that are written to all the time, and prints how long no write was taken, " +
        "whether k3s was restarted, and whether all that was acknowledged is there afterwards. The exit status is 1 if something " +
        "is lost or k3s was restarted.",
    )
    .addOption(
      new Option("--faults <names>", `which of them, with commas between: ${names.join(", ")}; or none`)
        .argParser(parseNames)
        .default(names, "all of them"),
    )
    .addOption(numberOption("--lasting <seconds>", "how long each of them lasts", 1, 3600).default(30))
    .addOption(numberOption("--agents <count>", "then agents that join at once", 0, 200).default(0))
    .addOption(numberOption("--agent-memory <MiB>", "memory of an agent", 256, 65_536).default(512))
    .addOption(numberOption("--timeout <seconds>", "how long each step may take", 1, 36_000).default(1200))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: FaultsOptions) => runFaults(options, io));
}

function parseNames(text: string): CaseName[] {
  const words = text === "none" ? [] : text.split(",");
  return words.map((word) => {
    const name = names.find((known) => known === word);
    if (name === undefined) throw new InvalidArgumentError(`"${word}" is none of ${names.join(", ")}.`);
    return name;
  });
}

async function runFaults(options: FaultsOptions, io: Io): Promise<void> {
  const { signal } = io;
  const { outcomes, joined } = await withProgress(io, quiet(options), async (progress) => {
    const { image, dir } = await buildDisk("raw", {
      ...{ usualFlavour: "cloud", arguments: [lateTimer], progress, signal },
    });
    return asStep(progress, "Let faults happen to three servers", (update) => {
      const disk = { from: join(dir, "k3os.raw"), sizeMiB: diskMiB };
      const cluster: ClusterOptions = {
        ...{ name: NAME, servers: SERVERS, image, timeoutMs: options.timeout * 1000, signal, update },
        own: () => ({}),
        // Emulated processors that are more than the host's wait for one another.
        hardware: ({ role }) =>
          role === "server"
            ? { boot: { kind: "disk", firmware: "bios" }, disk, cpus: 1 }
            : { memoryMiB: options.agentMemory, cpus: 1 },
      };
      return measure(cluster, options, progress);
    });
  });
  const tables = [
    ...(outcomes.size > 0 ? [{ title: "Three servers, and what happens to them", table: faultsTable(outcomes) }] : []),
    ...(joined ? [{ title: `${options.agents} agents that join at once`, table: joinedTable(joined, options) }] : []),
  ];
  printMeasured(io, options, tables, {
    lasting: options.lasting,
    faults: Object.fromEntries(outcomes),
    ...(joined && { agents: { count: options.agents, memory_mib: options.agentMemory, ...joined } }),
  });
  const all = [...outcomes.values()];
  for (const text of all.flatMap(({ ends }) => ends)) io.stderr.write(`\n${text}`);
  if (all.some(({ lost, restarts }) => lost + restarts > 0) || (joined?.restarts ?? 0) > 0) throw new ExitWith(1);
}

function measure(
  cluster: ClusterOptions,
  { faults, lasting, agents }: FaultsOptions,
  progress: Progress,
): Promise<Measured> {
  const { timeoutMs, signal } = cluster;
  return withCluster(cluster, async (running) => {
    const writer = startWriting(running.servers, signal);
    const outcomes = new Map<CaseName, Outcome>();
    try {
      const conditions = { cluster: running, writer, lastingMs: lasting * 1000, timeoutMs, signal };
      for (const name of faults) {
        const happen = (update: (text: string) => void) => run(CASES[name], { ...conditions, update });
        outcomes.set(name, await asStep(progress, name, happen, inWords));
      }
      if (agents === 0) return { outcomes };
      const members = agentsOf(NAME, agents);
      const join = (update: (text: string) => void) => joinAtOnce(members, running, writer, { ...conditions, update });
      return { outcomes, joined: await asStep(progress, `Join ${agents} agents at once`, join) };
    } finally {
      await writer.stop();
    }
  });
}

const inWords = ({ withoutWrite, untilAllWrite, lost, restarts }: Outcome) =>
  `${withoutWrite.toFixed(1)} s without a write, ${untilAllWrite.toFixed(1)} s until all write, ${lost} lost, ${restarts} restarts`;

function faultsTable(outcomes: Measured["outcomes"]): Table {
  return {
    head: ["", "longest without a write, s", "from its end until each server writes, s", "writes", "lost", "restarts"],
    rows: [...outcomes].map(([name, outcome]) => [
      CASES[name].title,
      ...[outcome.withoutWrite.toFixed(1), outcome.untilAllWrite.toFixed(1)],
      ...[String(outcome.writes), String(outcome.lost), String(outcome.restarts)],
    ]),
  };
}

function joinedTable(joined: Joined, { agentMemory }: FaultsOptions): Table {
  const seconds = (value: number) => value.toFixed(0);
  return {
    head: ["", ""],
    rows: [
      ["memory of an agent, MiB", String(agentMemory)],
      ["until the first was Ready, s", seconds(joined.first)],
      ["until half were, s", seconds(joined.half)],
      ["until all were, s", seconds(joined.all)],
      ["longest without a write meanwhile, s", String(rounded(joined.withoutWrite, 1))],
      ["restarts of k3s", String(joined.restarts)],
    ],
  };
}
