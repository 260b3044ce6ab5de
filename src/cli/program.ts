import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { benchCommand } from "./commands/bench.ts";
import { buildCommand } from "./commands/build.ts";
import { completeCommand, completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { consoleCommand } from "./commands/console.ts";
import { downCommand } from "./commands/down.ts";
import { imageCommand } from "./commands/image.ts";
import { kubectlCommand } from "./commands/kubectl.ts";
import { listCommand } from "./commands/list.ts";
import { logsCommand } from "./commands/logs.ts";
import { pruneCommand } from "./commands/prune.ts";
import { publishCommand } from "./commands/publish.ts";
import { sshCommand } from "./commands/ssh.ts";
import { statusCommand } from "./commands/status.ts";
import { testCommand } from "./commands/test.ts";
import { upCommand } from "./commands/up.ts";
import { upgradeCommand } from "./commands/upgrade.ts";
import { hasColours, type Io } from "./io.ts";
import { examples } from "./options.ts";

/** The whole command line. It throws errors and never ends the process. */
export function createProgram(io: Io): Command {
  const program = new Command("k3os")
    .description("k3OS: an operating system whose only job is Kubernetes.")
    .version(manifest.version, "-V, --version", "print the version")
    .enablePositionalOptions();
  program.commandsGroup("Machines:");
  for (const create of [
    upCommand,
    statusCommand,
    kubectlCommand,
    sshCommand,
    logsCommand,
    consoleCommand,
    imageCommand,
    upgradeCommand,
    downCommand,
    listCommand,
  ]) {
    program.addCommand(create(io));
  }
  program.commandsGroup("Images:");
  for (const create of [buildCommand, publishCommand, configCommand, pruneCommand]) program.addCommand(create(io));
  program.commandsGroup("Working on k3OS:");
  for (const create of [testCommand, benchCommand, completionCommand]) program.addCommand(create(io));
  const help = new Command("help").argument("[command]").description("show the help of a command");
  program.addHelpCommand(help.helpOption(false).helpGroup("Working on k3OS:"));
  program.addCommand(completeCommand(io), { hidden: true });
  examples(
    program,
    ["./k3os up", "build it, boot it, wait until the node is Ready"],
    ["./k3os kubectl get nodes", "talk to the cluster"],
    ["./k3os ssh", "get a shell on the node"],
    ["./k3os down", "stop it"],
    ["./k3os test", "run the tests"],
  );
  return configureAll(program, io);
}

/** Gives all commands of a program the same help and error messages, and refuses options that are given twice. */
export function configureAll(program: Command, io: Io): Command {
  return everywhere(program, (command) => refuseRepeats(configure(command, io)));
}

function everywhere(command: Command, change: (command: Command) => void): Command {
  change(command);
  for (const sub of command.commands) everywhere(sub, change);
  return command;
}

/** Without this, the first of two values would be ignored silently. */
function refuseRepeats(command: Command): void {
  for (const option of command.options.filter(
    ({ variadic, required, optional }) => !variadic && (required || optional),
  )) {
    let given = false;
    command.on(`option:${option.name()}`, () => {
      if (given) command.error(`error: option '${option.flags}' was given twice`);
      given = true;
    });
  }
}

function configure(command: Command, io: Io): Command {
  if (command.parent !== null) command.helpCommand(false);
  return command
    .exitOverride()
    .helpOption("-h, --help", "show this help")
    .showHelpAfterError(`(see ${pathOf(command)} --help)`)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) =>
        write(text.replace(/^error: (.)/, (_, first: string) => `k3os: ${first.toUpperCase()}`)),
      getOutHelpWidth: () => Math.min(io.stdout.columns ?? 100, 120),
      getOutHasColors: () => hasColours(io.stdout, io.env),
      getErrHasColors: () => hasColours(io.stderr, io.env),
    });
}

function pathOf(command: Command): string {
  return command.parent === null ? `./${command.name()}` : `${pathOf(command.parent)} ${command.name()}`;
}
