import { join } from "node:path";
import { Command } from "commander";
import { buildDisk } from "../../src/build/index.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { type Config, toYaml } from "../../src/config/index.ts";
import { agentsOf } from "../../src/vm/cluster.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { lateTimer } from "../../src/vm/qemu.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { sleep } from "../../src/vm/wait.ts";
import { withCluster } from "../cluster.ts";
import { succeed } from "../on-machine.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import type { Table } from "../table.ts";
import { blockStats, type Writes, writesBetween } from "./writes.ts";

interface IdleOptions extends OutputOptions {
  readonly minutes: number;
  readonly settle: number;
  readonly timeout: number;
}

interface Measured {
  readonly title: string;
  readonly perHour: Writes;
  /** Files of the state partition that were changed meanwhile. */
  readonly files: readonly string[];
}

const diskMiB = 4096;
const etcd: Config = { k3os: { k3s_args: ["server", "--cluster-init"] } };

export function idleWritesCommand(io: Io): Command {
  return new Command("idle-writes")
    .description(
      "Boots nodes from disks and leaves them alone: a server with SQLite and its agent, and a server with etcd. Prints " +
        "what reaches their disks in an hour, as QEMU counts it, and which files that is. A card wears out by it.",
    )
    .addOption(numberOption("--minutes <count>", "how long they are watched", 1, 1440).default(30))
    .addOption(numberOption("--settle <minutes>", "how long they are left alone before", 0, 1440).default(10))
    .addOption(numberOption("--timeout <seconds>", "how long each boot may take", 1, 36_000).default(1200))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: IdleOptions) => runIdle(options, io));
}

async function runIdle(options: IdleOptions, io: Io): Promise<void> {
  const { minutes, settle, timeout } = options;
  const { signal } = io;
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const { image, dir } = await buildDisk("raw", {
      ...{ usualFlavour: "cloud", arguments: [lateTimer], progress, signal },
    });
    return asStep(progress, `Three nodes, ${minutes} minutes`, (update) => {
      const disk = { from: join(dir, "k3os.raw"), sizeMiB: diskMiB };
      const hardware = () => ({ boot: { kind: "disk", firmware: "bios" }, disk, cpus: 1 }) as const;
      const conditions = { image, timeoutMs: timeout * 1000, signal };
      const cluster = { ...conditions, name: "sqlite", servers: 1, hardware, own: () => ({}), update };
      return withCluster(cluster, async ({ servers: [server], join: joined }) => {
        const [agent] = await joined(agentsOf("sqlite", 1));
        if (agent === undefined) throw new Error("no agent has joined");
        update("a server with etcd");
        // One server alone: those of a cluster say themselves what they store in.
        const { machine: other, dispose } = await throwAway({ ...conditions, ...hardware(), config: toYaml(etcd) });
        try {
          const nodes = [
            { title: "a server with SQLite", machine: server },
            { title: "an agent", machine: agent },
            { title: "a server with etcd", machine: other },
          ];
          update("all are Ready");
          await sleep(settle * 60_000, signal);
          update("watched");
          return await Promise.all(nodes.map(({ title, machine }) => watch(title, machine, minutes, signal)));
        } finally {
          await dispose();
        }
      });
    });
  });
  const table: Table = {
    head: ["in an hour", "MB", "writes", "flushes"],
    rows: measured.map(({ title, perHour: { bytes, operations, flushes } }) => [
      title,
      (bytes / 1e6).toFixed(1),
      operations.toFixed(0),
      flushes.toFixed(0),
    ]),
  };
  const files: Table = {
    head: ["node", "changed on the state partition"],
    rows: measured.map(({ title, files }) => [title, files.join(" ")]),
  };
  const title = `What idle nodes write, watched for ${minutes} minutes`;
  printMeasured(
    io,
    options,
    [
      { title, table },
      { title: "Files", table: files },
    ],
    { minutes, measured },
  );
}

async function watch(title: string, machine: Machine, minutes: number, signal: AbortSignal): Promise<Measured> {
  const qmp = await machine.qmp();
  try {
    const [before, start] = [blockStats(await qmp.execute("query-blockstats")), performance.now()];
    await sleep(minutes * 60_000, signal);
    const after = blockStats(await qmp.execute("query-blockstats"));
    const hours = (performance.now() - start) / 3_600_000;
    const find = `sudo find /run/k3os/state -xdev -type f -mmin -${minutes}`;
    const files = (await succeed(machine, find)).trim().split("\n");
    return { title, perHour: writesBetween(before, after, hours), files };
  } finally {
    qmp.close();
  }
}
