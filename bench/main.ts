import { isMainThread } from "node:worker_threads";
import { Command } from "commander";
import { statusOf } from "../src/cli/exit.ts";
import type { Io } from "../src/cli/io.ts";
import { configureAll } from "../src/cli/program.ts";
import { reportError } from "../src/cli/report.ts";
import { interrupted } from "../src/errors.ts";
import { apiCommand } from "./api/command.ts";
import { bootCommand } from "./boot/command.ts";
import { buildBenchCommand } from "./build/command.ts";
import { clusterFaultsCommand } from "./cluster-faults/command.ts";
import { conformanceCommand } from "./conformance/command.ts";
import { fuzzCommand } from "./fuzz/command.ts";
import { work } from "./fuzz/worker.ts";
import { hardwareCommand } from "./hardware/command.ts";
import { idleWritesCommand } from "./idle-writes/command.ts";
import { installCommand } from "./install/command.ts";
import { podsCommand } from "./pods/command.ts";
import { powerLossCommand } from "./power-loss/command.ts";
import { rollingUpgradeCommand } from "./rolling-upgrade/command.ts";
import { serverFaultsCommand } from "./server-faults/command.ts";
import { upgradeBenchCommand } from "./upgrade/command.ts";

/** The program behind `./k3os bench`. It ends this process; Ctrl-C stops what was started, then the command. */
async function runAndExit(): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort(interrupted()));
  const { stdout, stderr, env } = process;
  const io: Io = { stdout, stderr, env, signal: stop.signal };
  let status = 0;
  try {
    await createBench(io).parseAsync();
  } catch (thrown) {
    const error: unknown = stop.signal.aborted ? stop.signal.reason : thrown;
    reportError(error, io);
    status = statusOf(error);
  }
  stdout.write("", () => stderr.write("", () => process.exit(status)));
}

function createBench(io: Io): Command {
  const bench = new Command("k3os bench").description("Runs a measurement and prints a table.");
  const commands = [
    conformanceCommand,
    ...[
      bootCommand,
      hardwareCommand,
      apiCommand,
      installCommand,
      upgradeBenchCommand,
      rollingUpgradeCommand,
      podsCommand,
      idleWritesCommand,
    ],
    ...[buildBenchCommand, fuzzCommand, powerLossCommand, serverFaultsCommand, clusterFaultsCommand],
  ];
  for (const create of commands) {
    bench.addCommand(create(io));
  }
  return configureAll(bench, io);
}

if (isMainThread) await runAndExit();
else work();
