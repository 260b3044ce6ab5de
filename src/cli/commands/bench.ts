import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { findProject } from "../../build/project.ts";
import { runForeground } from "../../process/run.ts";
import type { Io } from "../io.ts";
import { examples } from "../options.ts";
import { ExitWith } from "../report.ts";

export function benchCommand(_: Io): Command {
  const bench = new Command("bench")
    .summary("measure boots, builds and more")
    .description(
      "Runs one of the measurements in bench/ and prints a table. docs/performance.md tells what they measure.",
    )
    .argument("[words...]", "a measurement and its options; without one they are listed")
    .helpOption(false)
    .passThroughOptions()
    .allowUnknownOption()
    .action(runBench);
  return examples(
    bench,
    ["./k3os bench boot -n 5", "five boots of each machine, in turns"],
    ["./k3os bench boot --help", "the options of a measurement"],
  );
}

async function runBench(words: readonly string[]): Promise<void> {
  const bundle = await bundleBench(findProject());
  const status = await runForeground({ argv: [process.execPath, bundle, ...words] });
  if (status !== 0) throw new ExitWith(status);
}

/** Bundles `bench/`, as the launcher bundles `src/cli`, and returns the path of the program. */
async function bundleBench(project: string): Promise<string> {
  const { build } = await import("esbuild");
  const bundle = join(project, "node_modules/.cache/k3os/bench.mjs");
  const next = `${bundle}.${process.pid}`;
  mkdirSync(join(bundle, ".."), { recursive: true });
  await build({
    absWorkingDir: project,
    entryPoints: ["bench/main.ts"],
    outfile: next,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["esbuild"],
    logLevel: "warning",
    banner: {
      js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
    },
  });
  renameSync(next, bundle);
  return bundle;
}
