import { Command } from "commander";
import { LogReader, plain } from "../../vm/serial.ts";
import { sleep } from "../../vm/wait.ts";
import type { Io } from "../io.ts";
import { requireMachine } from "../machines.ts";
import { examples, nameOption } from "../options.ts";

export function logsCommand(io: Io): Command {
  const logs = new Command("logs")
    .summary("print a machine's serial console")
    .description("Prints what the machine wrote to its serial console since it was powered on.")
    .addOption(nameOption())
    .option("-f, --follow", "go on until the machine is powered off, or Ctrl-C")
    .action((options: { name: string; follow?: boolean }) => runLogs(options, io));
  return examples(
    logs,
    ["./k3os logs", "everything so far"],
    ["./k3os logs -f --name a", "watch another machine boot"],
  );
}

async function runLogs(options: { name: string; follow?: boolean }, io: Io): Promise<void> {
  const machine = requireMachine(options.name);
  const reader = new LogReader(machine.paths.serialLog);
  for (;;) {
    const running = machine.state === "running"; // checked before reading, so that the last lines are shown, too
    io.stdout.write(plain(reader.next()));
    if (!options.follow || !running) return;
    await sleep(200, io.signal);
  }
}
