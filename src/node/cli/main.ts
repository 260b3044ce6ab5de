import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { explain } from "../explain.ts";

interface Command {
  /** A sentence for the help. Commands without one are for the boot only. */
  readonly about?: string;
  /** What may follow the name. */
  readonly options?: string;
  /** Whether only root may run it. */
  readonly root?: true;
  /** It prints its own `--help`. */
  readonly ownHelp?: true;
  readonly run: (host: Host, args: readonly string[]) => Promise<number>;
}

/** Each command is loaded when it is called, because parsing a program takes longer than most commands run. */
const COMMANDS: Readonly<Record<string, Command>> = {
  status: {
    about: "Tell how this node is",
    options: "[--json]",
    root: true,
    run: async (...call) => (await import("./status.ts")).statusCommand(...call),
  },
  config: {
    about: "Show the merged config.yaml, what a value comes from, or what applying it would do",
    options: "[--json] [--plan] [--why KEY] [--dump | --dump-json]",
    root: true,
    run: async (...call) => (await import("./config.ts")).configCommand(...call),
  },
  cfg: { run: async (...call) => (await import("./config.ts")).configCommand(...call) },
  apply: {
    about: "Apply what changed in the configuration, and restart k3s if it has to be",
    options: "[--no-restart]",
    root: true,
    run: async (...call) => (await import("./apply.ts")).applyCommand(...call),
  },
  upgrade: {
    about: "Put another image into the slot that is not in use, and restart into a trial of it",
    options:
      "[IMAGE] [--version VERSION] [--key KEY] [--stage] [--no-reboot] [--allow-downgrade] [--retry] [--wait] [--json]",
    root: true,
    run: async (...call) => (await import("./upgrade.ts")).upgradeCommand(...call),
  },
  rollback: {
    about: "Go back to the version before, or give up a trial",
    options: "[--restore-datastore [--yes]] [--no-reboot] [--json]",
    root: true,
    run: async (...call) => (await import("./upgrade.ts")).rollbackCommand(...call),
  },
  prune: {
    about: "Remove images that no slot needs",
    options: "[--json]",
    root: true,
    run: async (...call) => (await import("./upgrade.ts")).pruneCommand(...call),
  },
  reset: {
    about: "Erase what this node keeps, and boot it as new",
    options: "[--yes]",
    root: true,
    run: async (...call) => (await import("./reset.ts")).resetCommand(...call),
  },
  install: {
    about: "Put k3OS on a disk, by questions or silently",
    root: true,
    ownHelp: true,
    run: async (host, args) => {
      const [{ installCommand }, { quickjsTerminal }] = await Promise.all([
        import("./install.ts"),
        import("../terminal/quickjs.ts"),
      ]);
      return installCommand(host, args, () => quickjsTerminal(host));
    },
  },
  sources: {
    about: "Tell which data sources answer, and what they have",
    options: "[--json] [--only NAME]",
    root: true,
    run: async (...call) => (await import("./sources.ts")).sourcesCommand(...call),
  },
  agent: { run: async (...call) => (await import("./agent.ts")).agentCommand(...call) },
  auto: { run: async (...call) => (await import("./auto.ts")).autoCommand(...call) },
  "machine-configs": {
    run: async (...call) => (await import("./machine-configs.ts")).machineConfigsCommand(...call),
  },
  trial: { run: async (...call) => (await import("./trial.ts")).trialCommand(...call) },
  pods: { run: async (...call) => (await import("./pods.ts")).podsCommand(...call) },
  disks: { run: async (host) => (await import("../devices/links.ts")).linkDisks(host).then(() => 0) },
  boot: { run: async (host) => (await import("../boot/boot.ts")).boot(host).then(() => 0) },
};

const EXAMPLES = `Examples:
  sudo k3os status                 is the node Ready, and what is wrong with its config
  sudo k3os status --json          the same for scripts, with the stages of the boot
  sudo k3os config --why hostname  which file a value comes from
  sudo k3os config --plan          what applying the configuration would do
  sudo k3os apply                  after editing /var/lib/rancher/k3os/config.yaml
  sudo k3os apply --no-restart     and leave it to me when k3s is restarted
  sudo k3os upgrade                to the latest image of the channel in the config
  sudo k3os upgrade URL --stage    fetch and check an image, and leave the trial for later
  sudo k3os upgrade --no-reboot URL  try it whenever this node restarts
  sudo k3os upgrade --wait URL     run again after the restart, it ends once the image is kept or given up
  sudo k3os rollback               back to the version before
  sudo k3os rollback --restore-datastore  and to the objects that the cluster had then
  sudo k3os prune                  make room for images
  sudo k3os install                put k3OS on a disk of this machine
  sudo k3os reset --yes            without the question
  sudo k3os sources --only aws     ask one of them`;

/** The node's `k3os` command. Returns the exit status, 2 for a usage error. */
export async function main(host: Host, args: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") return print(help());
  if (name === "--version" || name === "-v") {
    const { readFacts } = await import("../facts.ts");
    return print(`k3os version ${readFacts(host).version}`);
  }
  try {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined)
      throw new K3osError("usage", `there is no command "${name}"`, { hint: "See k3os --help." });
    const wantsHelp = rest.includes("--help") || rest.includes("-h");
    if (wantsHelp && command.about !== undefined && !command.ownHelp) return print(helpOf(name, command));
    return await command.run(host, rest);
  } catch (error) {
    return explain(host, error);
  }
}

function help(): string {
  const commands = Object.entries(COMMANDS).flatMap(([name, { about, root }]) =>
    about ? [`  ${name.padEnd(8)} ${about}${root ? " (root)" : ""}`] : [],
  );
  const more = "`k3os COMMAND --help` tells its options.";
  return ["Usage: k3os COMMAND", "", ...commands, "  --version", "", more, "", EXAMPLES].join("\n");
}

function helpOf(name: string, { about, options = "", root }: Command): string {
  const usage = `${root ? "sudo " : ""}k3os ${name} ${options}`.trimEnd();
  const examples = EXAMPLES.split("\n").filter((line) => line.includes(`k3os ${name} `));
  return [`Usage: ${usage}`, "", `${about}.`, ...(examples.length > 0 ? ["", "Examples:", ...examples] : [])].join(
    "\n",
  );
}

function print(text: string): number {
  console.log(text);
  return 0;
}
