import { Command } from "commander";
import { readNamedFile } from "../../build/read-file.ts";
import { clusterJsonSchema, isClusterText } from "../../cluster/index.ts";
import { jsonSchema } from "../../config/json-schema.ts";
import { K3osError } from "../../errors.ts";
import { checkClusterFile } from "../cluster-file.ts";
import { type CheckedFile, checkConfigFile } from "../config-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { examples, jsonOption } from "../options.ts";
import { ExitWith, reportError, reportProblems } from "../report.ts";

export function configCommand(io: Io): Command {
  const check = new Command("check")
    .summary("check config.yaml and cluster.yaml files")
    .description(
      "Checks config.yaml files as a node would read them, and cluster files with their manifests; keys that would have no effect are errors here, unless " +
        "--lenient. The exit status is 1 if there is an error.",
    )
    .argument("<file...>", "the files")
    .option("--lenient", "warn of keys that would have no effect, as a node does")
    .addOption(jsonOption())
    .action((files: string[], options: CheckOptions) => runCheck(files, options, io));
  examples(
    check,
    ["./k3os config check node.yaml", "each problem with its line and column"],
    ["./k3os config check cluster.yaml", "a whole cluster, see docs/cluster.md"],
    ["./k3os config check --lenient old/*.yaml", "files that were written for another system"],
  );
  const schema = new Command("schema")
    .summary("print the JSON Schema of config.yaml")
    .description("Prints the JSON Schema of config.yaml (draft 2020-12), by which editors complete and check it.")
    .option("--cluster", "that of cluster.yaml instead")
    .action(({ cluster }: { cluster?: true }) => printJson(io, cluster ? clusterJsonSchema() : jsonSchema()));
  examples(
    schema,
    ["./k3os config schema > config.schema.json", "for `# yaml-language-server: $schema=config.schema.json`"],
    ["./k3os config schema --cluster > cluster.schema.json", "the same for a cluster file"],
  );
  const config = new Command("config")
    .summary("check config.yaml, a node's configuration")
    .description("Works with config.yaml, a node's configuration.")
    .addCommand(check)
    .addCommand(schema);
  return examples(config, ["./k3os config check node.yaml", "before a node reads it"]);
}

interface CheckOptions {
  readonly lenient?: boolean;
  readonly json?: boolean;
}

function runCheck(files: readonly string[], { lenient, json }: CheckOptions, io: Io): void {
  const checked = files.map((file) => ({ file, ...checkOrTell(file, lenient, io) }));
  if (json) {
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
  if (checked.some(({ valid }) => !valid)) throw new ExitWith(1);
}

/** Reports a file that cannot be read and goes on, so that the other files are still checked. */
function checkOrTell(file: string, lenient: boolean | undefined, io: Io): Pick<CheckedFile, "valid" | "problems"> {
  try {
    // Once: it may be a pipe.
    const text = readNamedFile(file);
    if (!isClusterText(text)) return checkConfigFile(file, { lenient, text });
    const { cluster, problems } = checkClusterFile(file, text);
    return { valid: cluster !== undefined, problems };
  } catch (error) {
    if (!(error instanceof K3osError)) throw error;
    reportError(error, io);
    return { valid: false, problems: [] };
  }
}
