import { Argument, Command } from "commander";
import { candidates } from "../completion/candidates.ts";
import { type Shell, scriptFor, shells } from "../completion/scripts.ts";
import { type Io, printLine } from "../io.ts";
import { examples } from "../options.ts";

export function completionCommand(io: Io): Command {
  const completion = new Command("completion")
    .summary("print the completion script for a shell")
    .description("Prints a script that completes commands, options and machine names.")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .action((shell: Shell) => printLine(io, scriptFor(shell)));
  return examples(
    completion,
    ["source <(./k3os completion bash)", "for this shell"],
    ["./k3os completion fish | source", "the same in fish"],
  );
}

/** The hidden command that the completion scripts call with the words up to the cursor. */
export function completeCommand(io: Io): Command {
  return new Command("__complete")
    .argument("[words...]")
    .passThroughOptions()
    .allowUnknownOption()
    .action((words: string[], _options: unknown, command: Command) => {
      for (const candidate of candidates(command.parent ?? command, words)) printLine(io, candidate);
    });
}
