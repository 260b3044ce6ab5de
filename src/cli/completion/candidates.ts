import type { Command, Option } from "commander";
import { machineNames } from "../../vm/machine.ts";

/** Completions of the last word; none for file names, which the shell completes. */
export function candidates(program: Command, words: readonly string[], names: () => string[] = machineNames): string[] {
  const current = words.at(-1) ?? "";
  const { command, awaiting } = follow(program, words.slice(0, -1));
  const all = awaiting === undefined ? wordsOf(command, current) : valuesOf(awaiting, names);
  return all.filter((candidate) => candidate.startsWith(current));
}

/** Finds the command that the words name, and the option whose value is still missing. */
function follow(program: Command, words: readonly string[]): { command: Command; awaiting: Option | undefined } {
  let command = program;
  let awaiting: Option | undefined;
  for (const word of words) {
    if (awaiting !== undefined) {
      awaiting = undefined;
    } else if (word.startsWith("-")) {
      const option = command.options.find(({ short, long }) => word === short || word === long);
      awaiting = option?.required === true ? option : undefined;
    } else {
      command = subcommands(command).find((one) => one.name() === word || one.aliases().includes(word)) ?? command;
    }
  }
  return { command, awaiting };
}

function wordsOf(command: Command, current: string): string[] {
  if (!current.startsWith("-")) {
    return [
      ...subcommands(command).map((one) => one.name()),
      ...command.registeredArguments.flatMap((one) => one.argChoices ?? []),
    ];
  }
  return [...command.options.flatMap(({ long, hidden }) => (long == null || hidden ? [] : [long])), "--help"];
}

function valuesOf(option: Option, names: () => string[]): string[] {
  return option.attributeName() === "name" ? names() : (option.argChoices ?? []);
}

function subcommands(command: Command): Command[] {
  return command.commands.filter((one) => !one.name().startsWith("_"));
}
