import { Command } from "commander";
import { checkConfigFile } from "../config-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { examples, jsonOption } from "../options.ts";
import { reportProblems, Told } from "../report.ts";

export function configCommand(io: Io): Command {
  const check = new Command("check")
    .summary("check config.yaml files")
    .description(
      "Checks config.yaml files as a node would read them; keys that would have no effect are errors here. " +
        "The exit status is 1 if there is an error.",
    )
    .argument("<file...>", "the files")
    .addOption(jsonOption())
    .action((files: string[], options: { json?: boolean }) => runCheck(files, options, io));
  examples(check, ["./k3os config check node.yaml", "each problem with its line and column"]);
  return new Command("config").description("Works with config.yaml, a node's configuration.").addCommand(check);
}

function runCheck(files: readonly string[], options: { json?: boolean }, io: Io): void {
  const checked = files.map((file) => ({ file, ...checkConfigFile(file) }));
  if (options.json) {
    printJson(
      io,
      checked.map(({ file, valid, problems }) => ({ file, valid, problems })),
    );
  } else {
    for (const { file, valid, problems } of checked) {
      reportProblems(problems, io);
      if (valid) printLine(io, `${file}: valid`);
    }
  }
  if (checked.some(({ valid }) => !valid)) throw new Told(1);
}
