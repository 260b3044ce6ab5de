import { Command } from "commander";
import { K3osError } from "../../errors.ts";
import { commandFor } from "../../vm/name.ts";
import { connectUnix } from "../../vm/socket.ts";
import { type Io, printLine } from "../io.ts";
import { requireRunning } from "../machines.ts";
import { examples, nameOption } from "../options.ts";

/** Ctrl-], as in telnet. */
const escapeByte = 0x1d;

export function consoleCommand(io: Io): Command {
  const command = new Command("console")
    .summary("sit down at a machine's serial console")
    .description("Connects this terminal with the machine's serial console. Ctrl-] leaves it; the machine runs on.")
    .addOption(nameOption())
    .action((options: { name: string }) => runConsole(options.name, io));
  return examples(command, ["./k3os console", "press Enter for the login prompt"]);
}

async function runConsole(name: string, io: Io): Promise<void> {
  const machine = requireRunning(name);
  const { stdin } = process;
  if (!stdin.isTTY) {
    throw new K3osError("usage", "The console needs a terminal to type on.", {
      hint: `To read only: ${commandFor("logs", name, "-f")}`,
    });
  }
  const socket = await connectUnix(machine.paths.serialSocket);
  printLine(io, `Connected with the console of "${name}". Ctrl-] leaves it.`);
  const leave = () => void socket.destroy();
  const type = (bytes: Buffer) => (bytes.includes(escapeByte) ? leave() : socket.write(bytes));
  try {
    stdin.setRawMode(true).on("data", type).once("end", leave);
    io.signal.addEventListener("abort", leave); // closing the terminal sends SIGHUP
    socket.pipe(io.stdout, { end: false });
    await new Promise<void>((resolve) => socket.once("close", () => resolve()).on("end", leave));
  } finally {
    io.signal.removeEventListener("abort", leave);
    stdin.setRawMode(false).off("data", type).off("end", leave).pause();
  }
  io.signal.throwIfAborted();
  printLine(io, "");
}
