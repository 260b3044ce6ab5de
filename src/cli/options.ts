import { type Command, InvalidArgumentError, Option } from "commander";
import { K3osError } from "../errors.ts";
import { ARCHITECTURE_NAMES } from "../image/architecture.ts";
import { checkName, defaultName } from "../vm/name.ts";
import { parseMemory } from "../vm/size.ts";

/** `--name`, the same on every command that is about one machine. */
export function nameOption(): Option {
  return new Option("-n, --name <name>", "the machine").default(defaultName).argParser(asArgument(checkName));
}

/** `--name` without its short form: for commands that pass their words on, which may contain `-n`. */
export function longNameOption(): Option {
  return new Option("--name <name>", "the machine (before the words that are passed on)")
    .default(defaultName)
    .argParser(asArgument(checkName));
}

export function jsonOption(): Option {
  return new Option("--json", "print the result as JSON, and nothing else on standard output");
}

/** What an image is for. */
export function archOption(): Option {
  return new Option("--arch <name>", "the processor, if not this machine's (K3OS_ARCH has the same effect)").choices(
    ARCHITECTURE_NAMES,
  );
}

export function memoryOption(): Option {
  return new Option("-m, --memory <size>", "its memory, such as 1G, 1536M or 2048 (MiB)")
    .default(2048, "2G")
    .argParser(asArgument(parseMemory));
}

/** An option for a whole number within bounds. */
export function numberOption(flags: string, description: string, least: number, most: number): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  });
}

export function examples(command: Command, ...lines: readonly [example: string, meaning: string][]): Command {
  const width = Math.max(...lines.map(([example]) => example.length));
  const text = lines.map(([example, meaning]) => `  ${example.padEnd(width)}  ${meaning}`).join("\n");
  return command.addHelpText("after", `\nExamples:\n${text}`);
}

/** Turns a parser's errors into errors of the command line. */
export function asArgument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof K3osError)
        throw new InvalidArgumentError([error.message, error.hint].filter(Boolean).join("\n  "));
      throw error;
    }
  };
}
