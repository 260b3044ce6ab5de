import { Command } from "commander";
import { sshInteractive } from "../../vm/ssh.ts";
import { type Io, isTerminal } from "../io.ts";
import { requireRunning } from "../machines.ts";
import { examples, longNameOption } from "../options.ts";
import { ExitWith } from "../report.ts";

export function sshCommand(io: Io): Command {
  const ssh = new Command("ssh")
    .summary("get a shell on a machine, or run a command there")
    .description(
      "Logs in as rancher, who may use sudo without a password. With a command, that is run instead of a shell.",
    )
    .argument("[command...]", "words for the machine's shell, after --")
    .addOption(longNameOption())
    .passThroughOptions()
    .action((words: string[], options: { name: string }) => runSsh(words, options.name, io));
  return examples(
    ssh,
    ["./k3os ssh", "a shell"],
    ["./k3os ssh -- uptime", "one command; its exit status is passed on"],
    ["./k3os ssh --name a -- sudo tee /etc/motd <motd", "standard input is passed on as well"],
  );
}

async function runSsh(words: readonly string[], name: string, io: Io): Promise<void> {
  const machine = requireRunning(name);
  const terminal = process.stdin.isTTY === true && isTerminal(io.stdout, io.env);
  const status = await sshInteractive(machine.sshTarget, words, terminal);
  if (status !== 0) throw new ExitWith(status);
}
