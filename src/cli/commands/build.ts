import { Command, Option } from "commander";
import { type Io, printJson, printLine } from "../io.ts";
import { examples, jsonOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";

interface BuildCommandOptions {
  readonly format: "image";
  readonly lock?: string;
  readonly spec?: string;
  readonly refresh?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

export function buildCommand(io: Io): Command {
  const build = new Command("build")
    .summary("build the image, or a medium of it")
    .description("Builds an image; what is built already is taken as it is.")
    .addOption(new Option("--lock <file>", "build from exactly the packages of that lock"))
    .option("--spec <file>", "the image.yaml that says what goes in")
    .option("--refresh", "ask for newer packages, even if that was done today")
    .option("--offline", "never use the network")
    .addOption(jsonOption())
    .action((options: BuildCommandOptions) => runBuild(options, io));
  return examples(build, ["./k3os build", "kernel, initrd and root"]);
}

async function runBuild(options: BuildCommandOptions, io: Io): Promise<void> {
  const { build } = await import("../../build/index.ts");
  const image = await withProgress(io, options.json === true, (progress) =>
    build({
      progress,
      signal: io.signal,
      ...(options.spec === undefined ? {} : { specPath: options.spec }),
      ...(options.lock === undefined ? {} : { lock: options.lock }),
      refresh: options.refresh ?? false,
      offline: options.offline ?? false,
    }),
  );
  if (options.json) printJson(io, { dir: image.dir, image: image.imageJson });
  else printLine(io, image.dir);
}
