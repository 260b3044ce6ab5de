import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { BuildOptions } from "../../build/index.ts";
import type { Progress } from "../../progress.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { examples, jsonOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";
import { copyFiles } from "./copy-files.ts";

const formats = ["image", "iso", "netboot"] as const;
type Format = (typeof formats)[number];

interface BuildCommandOptions {
  readonly format: Format;
  readonly output?: string;
  readonly spec?: string;
  readonly lock?: string;
  readonly refresh?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

export function buildCommand(io: Io): Command {
  const build = new Command("build")
    .summary("build the image, or a medium of it")
    .description("Builds an image or a medium; what is built already from the same inputs is taken as it is.")
    .addOption(new Option("--format <format>", "what to build").choices(formats).default("image"))
    .option("-o, --output <dir>", "copy the files there, instead of printing where they are kept")
    .option("--spec <file>", "the image.yaml that says what goes in, instead of os/image.yaml")
    .option("--lock <file>", "build from exactly the packages of that lock (an earlier build's lock.json)")
    .option("--refresh", "ask for newer packages, even if that was done today")
    .option("--offline", "never use the network")
    .addOption(jsonOption())
    .action((options: BuildCommandOptions) => runBuild(options, io));
  return examples(
    build,
    ["./k3os build --format iso -o .", "k3os.iso in this directory"],
    ["./k3os build --refresh", "with today's security fixes"],
    ["./k3os build --lock lock.json -o out", "an earlier image again, byte for byte"],
  );
}

async function runBuild(options: BuildCommandOptions, io: Io): Promise<void> {
  const built = await withProgress(io, options.json === true, (progress) => make(options, progress, io));
  const dir = options.output === undefined ? built.dir : resolve(options.output);
  if (dir !== built.dir) copyFiles(built.dir, dir);
  if (options.json) printJson(io, { format: options.format, dir, image: built.image.imageJson });
  else printLine(io, dir);
}

async function make(options: BuildCommandOptions, progress: Progress, io: Io) {
  const { build, buildIso, buildNetboot } = await import("../../build/index.ts");
  const context: BuildOptions = {
    progress,
    signal: io.signal,
    refresh: options.refresh ?? false,
    offline: options.offline ?? false,
    ...(options.spec === undefined ? {} : { specPath: options.spec }),
    ...(options.lock === undefined ? {} : { lock: options.lock }),
  };
  if (options.format === "iso") return buildIso(context);
  if (options.format === "netboot") return buildNetboot(context);
  const image = await build(context);
  return { image, dir: image.dir };
}
