import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { findProject } from "../../build/project.ts";
import type { Io } from "../io.ts";
import { examples } from "../options.ts";
import { partsOf, runParts } from "../testing/parts.ts";
import { findMachineTests, parseSelection, partNames, selectMachineTests } from "../testing/select.ts";

interface TestOptions {
  readonly keep?: boolean;
  readonly budget?: number;
}

export function testCommand(io: Io): Command {
  const test = new Command("test")
    .summary("run the tests")
    .description("Runs the tests and ends with a line that counts them. The exit status is 1 if one failed.")
    .addArgument(
      new Argument("[parts...]", "only these, all but matrix if none is named; behind vm, names of machine tests")
        .choices(partNames) // for completion: names are checked together
        .argParser((word: string, words: string[] | undefined) => [...(words ?? []), word]),
    )
    .option("--keep", "leave the machines of a failed machine test running, and tell how to reach them")
    .addOption(
      new Option(
        "--budget <time>",
        "skip machine tests that would end later than this after the start, such as 70m; other ones for another commit",
      ).argParser(parseTime),
    )
    .action((words: string[], options: TestOptions) => runTests(words, options, io));
  return examples(
    test,
    ["./k3os test", "everything but the matrix, about 40 minutes"],
    ["./k3os test unit", "types, lint and unit tests, under a minute"],
    ["./k3os test api", "what the API takes and refuses, by a server on this host; needs root"],
    ["./k3os test vm disk --keep", "one machine test: disk.test.ts in a folder of test/vm"],
    ["./k3os test matrix", "the same on other hardware, firmware and media, and with other faults"],
  );
}

async function runTests(words: readonly string[], { keep = false, budget }: TestOptions, io: Io): Promise<void> {
  const selection = parseSelection(words);
  const tests = selectMachineTests(findMachineTests(findProject()), selection);
  await runParts(partsOf(selection.parts, { tests, keep, budgetSeconds: budget }), io);
}

/** Parses a time such as `90s`, `70m`, `2h` to seconds. */
function parseTime(text: string): number {
  const [, number, unit = ""] = /^(\d+)([smh])$/.exec(text) ?? [];
  const seconds = { s: 1, m: 60, h: 3600 }[unit];
  if (seconds === undefined) throw new InvalidArgumentError("Write it like 90s, 70m or 2h.");
  return Number(number) * seconds;
}
