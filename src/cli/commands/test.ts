import { Argument, Command } from "commander";
import type { Io } from "../io.ts";
import { examples } from "../options.ts";
import { type Part, partNames, runParts, selectParts } from "../testing/parts.ts";

export function testCommand(io: Io): Command {
  const test = new Command("test")
    .summary("run the tests")
    .description("Runs the tests and ends with a line that counts them. The exit status is 1 if one failed.")
    .addArgument(new Argument("[parts...]", "only these; all if none is named").choices(partNames))
    .action((parts: Part["name"][]) => runParts(selectParts(parts), io));
  return examples(
    test,
    ["./k3os test", "everything, about half an hour"],
    ["./k3os test unit", "types, lint and unit tests, some seconds"],
  );
}
