import { join } from "node:path";
import { Command } from "commander";
import { goCompiler } from "../../src/build/index.ts";
import { findProject } from "../../src/build/project.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import { K3osError } from "../../src/errors.ts";
import { outputOf } from "../../src/process/run.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { measuredIn } from "./results.ts";

/** All tests of the package: those that need no server take no time. */
const GO_TEST = '. ./flags.sh && exec go test -tags "$tags" -count=1 -timeout 30m -v ./internal/cli';

export function serverFaultsCommand(io: Io): Command {
  return new Command("server-faults")
    .description(
      "Runs servers as processes of this host, each on a network of its own, and cuts one off, slows its disk down, lets others " +
        "join. Needs root, ip and /dev/fuse. The exit status is 1 if one of them does not stand it.",
    )
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: OutputOptions) => runServerFaults(options, io));
}

async function runServerFaults(options: OutputOptions, io: Io): Promise<void> {
  const { signal } = io;
  const { status, stdout, stderr } = await withProgress(io, quiet(options), async (progress) => {
    const { env } = await goCompiler({ progress, signal });
    return asStep(progress, "Run servers, and do to them what may happen", () =>
      outputOf(
        {
          argv: ["sh", "-c", GO_TEST],
          cwd: join(findProject(), "kube"),
          env: { ...env, K3OS_FAULTS: "1" },
        },
        { signal },
      ),
    );
  });
  if (status !== 0) {
    io.stderr.write(stdout + stderr);
    throw new ExitWith(1);
  }
  const measured = measuredIn(stdout);
  if (measured.length === 0) throw new K3osError("machine", "The servers ran, and nothing was measured.");
  const rows = measured.map(({ what, seconds }) => [what, seconds.toFixed(1)]);
  printMeasured(io, options, [{ title: "Servers and faults", table: { head: ["", "s"], rows } }], { measured });
}
