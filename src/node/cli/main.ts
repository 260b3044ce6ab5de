import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { explain } from "../explain.ts";
import { readFacts } from "../facts.ts";

interface Command {
  /** One line for the help; commands without one are for the boot only. */
  readonly about?: string;
  readonly run: (host: Host, args: readonly string[]) => Promise<number>;
}

/** Each is loaded when it is asked for: reading a program takes longer than most of them do. */
const COMMANDS: Readonly<Record<string, Command>> = {
  status: {
    about: "Tell how this node is: [--json]",
    run: async (...call) => (await import("./status.ts")).statusCommand(...call),
  },
  config: {
    about: "Show the merged config.yaml: [--json] [--plan] [--why KEY] [--dump | --dump-json]",
    run: async (...call) => (await import("./config.ts")).configCommand(...call),
  },
  cfg: { run: async (...call) => (await import("./config.ts")).configCommand(...call) },
  apply: {
    about: "Apply what changed in the configuration (root)",
    run: async (...call) => (await import("./apply.ts")).applyCommand(...call),
  },
  reset: {
    about: "Erase what this node keeps, and boot it as new: [--yes] (root)",
    run: async (...call) => (await import("./reset.ts")).resetCommand(...call),
  },
  install: {
    about: "Put k3OS on a disk, by questions or silently: see --help (root)",
    run: async (host, args) => {
      const [{ installCommand }, { quickjsTerminal }] = await Promise.all([
        import("./install.ts"),
        import("../terminal/quickjs.ts"),
      ]);
      return installCommand(host, args, () => quickjsTerminal(host));
    },
  },
  sources: {
    about: "Tell which data sources answer, and what they have: [--json] [--only NAME] (root)",
    run: async (...call) => (await import("./sources.ts")).sourcesCommand(...call),
  },
  boot: { run: async (host) => (await import("../boot/boot.ts")).boot(host).then(() => 0) },
};

const EXAMPLES = `Examples:
  k3os status                    is the node Ready, and what is wrong with its config
  sudo k3os config --why hostname    which file a value comes from
  sudo k3os install              put k3OS on a disk of this machine
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
