import { Command } from "commander";
import { type Io, printJson, printLine } from "../io.ts";
import { examples, jsonOption, numberOption } from "../options.ts";

interface PruneCommandOptions {
  readonly days: number;
  readonly json?: boolean;
}

export function pruneCommand(io: Io): Command {
  const command = new Command("prune")
    .summary("remove from the cache what is not needed any more")
    .description("Removes what the latest builds do not need and nobody used for some days.")
    .addOption(numberOption("--days <days>", "how long something must be unused", 0, 3650).default(3))
    .addOption(jsonOption())
    .action((options: PruneCommandOptions) => runPrune(options, io));
  return examples(
    command,
    ["./k3os prune", "what was not used for three days"],
    ["./k3os prune --days 0", "everything but the latest builds"],
  );
}

async function runPrune({ days, json }: PruneCommandOptions, io: Io): Promise<void> {
  const { prune } = await import("../../build/index.ts");
  const removed = await prune({ unusedDays: days });
  if (json) printJson(io, { removed });
  else printLine(io, removed === 0 ? "There was nothing to remove." : `Removed ${removed} results of builds.`);
}
