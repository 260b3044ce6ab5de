import { Command } from "commander";
import { type Io, printJson } from "../io.ts";
import { examples, jsonOption, numberOption } from "../options.ts";
import { asStep, withProgress } from "../progress/index.ts";

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
  const removed = await withProgress(io, json === true, (progress) =>
    asStep(
      progress,
      "Prune the cache",
      () => prune({ unusedDays: days }),
      (count) => (count === 0 ? "nothing to remove" : `${count} results of builds removed`),
    ),
  );
  if (json) printJson(io, { removed });
}
