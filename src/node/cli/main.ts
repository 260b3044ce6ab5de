import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { boot } from "../boot/boot.ts";
import { explain } from "../explain.ts";
import { readFacts } from "../facts.ts";
import { applyCommand } from "./apply.ts";
import { configCommand } from "./config.ts";
import { resetCommand } from "./reset.ts";
import { statusCommand } from "./status.ts";

interface Command {
  /** One line for the help; commands without one are for the boot only. */
  readonly about?: string;
  readonly run: (host: Host, args: readonly string[]) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  status: { about: "Tell how this node is: [--json]", run: statusCommand },
  config: {
    about: "Show the merged config.yaml: [--json] [--plan] [--why KEY] [--dump | --dump-json]",
    run: configCommand,
  },
  cfg: { run: configCommand },
  apply: { about: "Apply what changed in the configuration (root)", run: applyCommand },
  reset: { about: "Erase what this node keeps, and boot it as new: [--yes] (root)", run: resetCommand },
  boot: { run: (host) => boot(host).then(() => 0) },
};

const EXAMPLES = `Examples:
  k3os status                    is the node Ready, and what is wrong with its config
  sudo k3os config --why hostname    which file a value comes from
  sudo k3os apply                after editing /var/lib/rancher/k3os/config.yaml`;

/** The node's `k3os` command: returns the exit status, 2 for a command line that it does not understand. */
export async function main(host: Host, args: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") return print(help());
  if (name === "--version" || name === "-v") return print(`k3os version ${readFacts(host).version}`);
  try {
    const command = COMMANDS[name];
    if (command === undefined)
      throw new K3osError("usage", `there is no command "${name}"`, { hint: "See k3os --help." });
    return await command.run(host, rest);
  } catch (error) {
    return explain(host, error);
  }
}

function help(): string {
  const commands = Object.entries(COMMANDS).flatMap(([name, { about }]) =>
    about ? [`  ${name.padEnd(8)} ${about}`] : [],
  );
  return ["Usage: k3os COMMAND", "", ...commands, "  --version", "", EXAMPLES].join("\n");
}

function print(text: string): number {
  console.log(text);
  return 0;
}
