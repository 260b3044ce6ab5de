import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import type { BuildOptions } from "../../build/index.ts";
import { K3osError } from "../../errors.ts";
import { MOST_SERVERS } from "../../vm/cluster.ts";
import { findMachine, type Machine, machinesOf } from "../../vm/machine.ts";
import { commandFor } from "../../vm/name.ts";
import { parseDiskSize } from "../../vm/size.ts";
import { imageOptions, requireClusterFile, tokenFor } from "../cluster-file.ts";
import { requireConfigFile } from "../config-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { fileCommand, refuseOtherFile } from "../machines.ts";
import { archOption, asArgument, examples, jsonOption, memoryOption, nameOption, numberOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";
import { accelFor, architectureOf, type How, hasDisk, imageFor } from "../starting/boot.ts";
import { planOfFile } from "../starting/file-plan.ts";
import { machinesIn, newToken, type Plan, planOf } from "../starting/plan.ts";
import { refuseContradictions, refuseEarly } from "../starting/refuse.ts";
import { startAll } from "../starting/start.ts";
import { describe } from "./status.ts";

interface UpOptions extends How {
  readonly name: string;
  readonly memory: number;
  readonly cpus?: number;
  readonly disk?: true | number;
  readonly config?: string;
  readonly servers?: number;
  readonly agents: number;
  readonly file?: string;
  readonly json?: boolean;
}

export function upCommand(io: Io): Command {
  const up = new Command("up")
    .summary("build the image, boot it as a virtual machine, wait until the node is Ready")
    .description(
      "Builds what is not built yet, boots it as a virtual machine and returns when its Kubernetes node is Ready. " +
        "The machine runs on in the background until `down`.",
    )
    .addOption(nameOption())
    .option("-f, --file <cluster.yaml>", "the machines of a cluster file: whatever of them does not run yet")
    .addOption(archOption())
    .addOption(memoryOption())
    .addOption(numberOption("-c, --cpus <count>", "its processors (default: 2; of several servers, its share)", 1, 64))
    .option("--config <file>", "a config.yaml for the node; checked first, handed over as a NoCloud disk")
    .addOption(
      new Option("--iso [as]", "boot the ISO the way a machine would, as a disc or a USB stick").choices([
        "disc",
        "usb",
      ]),
    )
    .addOption(
      new Option(
        "--disk [size]",
        "boot from a disk of its own, which it keeps until --purge (8G if new); with --iso, attach it, empty if new",
      ).argParser(asArgument(parseDiskSize)),
    )
    .addOption(
      new Option("--firmware <kind>", "what boots disk or ISO (BIOS if not given, where there is one)").choices([
        "bios",
        "uefi",
      ]),
    )
    .option("--secure-boot", "let UEFI start only what is signed")
    .addOption(
      new Option("--accel <how>", "hardware virtualisation or emulation, instead of finding out").choices([
        "kvm",
        "tcg",
      ]),
    )
    .option("--append <arguments>", "more kernel arguments, where QEMU itself starts the kernel (no --disk, no --iso)")
    .option("--dev", "lay src/node and os/rootfs over the root instead of packing it: an edit boots within seconds")
    .addOption(
      numberOption("--servers <count>", "servers of one cluster with etcd, NAME-server-2 and so on", 1, MOST_SERVERS),
    )
    .addOption(
      numberOption("--agents <count>", "machines that join it as agents, NAME-agent-1 and so on", 0, 50).default(0),
    )
    .addOption(numberOption("--ssh-port <port>", "the local port for ssh, instead of a free one", 1, 65535))
    .addOption(
      numberOption("--api-port <port>", "the local port for the Kubernetes API, instead of a free one", 1, 65535),
    )
    .addOption(numberOption("--timeout <seconds>", "how long the node may take to be Ready", 1, 86_400).default(600))
    .option("--no-wait", "return as soon as the machine is powered on")
    .addOption(jsonOption())
    .action((options: UpOptions, command: Command) => {
      const given = command.options.filter((one) => command.getOptionValueSource(one.attributeName()) === "cli");
      const names = given.map(({ long }) => long ?? "");
      return options.file === undefined ? runUp(options, io) : runFile(options.file, options, names, io);
    });
  return examples(
    up,
    ["./k3os up", "a machine with 2 GB of memory"],
    ["./k3os up --name a --memory 1G", "another one beside it"],
    ["./k3os up --agents 2", "a cluster of three machines; the same with 3 adds one"],
    ["./k3os up --servers 3 --agents 2", "one that loses a server and goes on"],
    ["./k3os up -f cluster.yaml", "the nodes of one file (docs/cluster.md); again for what is new in it"],
    ["./k3os up --config node.yaml", "with a configuration of your own"],
    ["./k3os up --dev --no-wait", "with the changes of your working tree, at once"],
    ['./k3os up --append "k3os.debug"', "with more kernel arguments"],
    ["./k3os up --disk 20G", "from a disk, whose state it keeps over down and up"],
    ["./k3os up --arch arm64 --memory 2G", "a machine with ARM processors, emulated on others"],
    ["./k3os up --iso --firmware uefi", "boot the ISO under UEFI"],
    ["./k3os up --iso --disk --no-wait", "with an empty disk, to install on"],
  );
}

/**
 * How many processors a machine has. Several servers have work at the same time, also when they are idle: emulated ones
 * with more processors than there are take longer to start, and do not come to rest on a slow workstation.
 */
function usualCpus(servers = 1): number {
  return Math.max(1, Math.min(2, Math.floor(availableParallelism() / servers)));
}

async function runUp(options: UpOptions, io: Io): Promise<void> {
  refuseContradictions(options);
  const { name, servers = findMachine(name)?.record.cluster?.servers, agents, config: path } = options;
  const { memory: memoryMiB, cpus = usualCpus(servers), disk } = options;
  const config = path === undefined ? undefined : { path, text: requireConfigFile(path, io) };
  const hardware = { memoryMiB, cpus, disk };
  const plan = planOf({ name, servers: options.servers, agents, config, hardware });
  await refuseEarly(options, plan);
  const hadDisk = plan.server.running === undefined && disk !== undefined && hasDisk(name);
  const machines = await start(plan, options, {}, io);
  if (options.json === true) return printJson(io, await describeAll(machines, machinesIn(plan).length > 1, io));
  tellHowToUse(machines, options, io);
  if (hadDisk) printLine(io, `  ${"disk".padEnd(11)}as it was left; a new one: ${commandFor("down", name, "--purge")}`);
}

/** What a cluster file says itself. */
const OF_FILE = ["--name", "--servers", "--agents", "--config", "--memory", "--cpus", "--disk", "--iso"];

/** `given` are the options of the command line. */
async function runFile(path: string, options: UpOptions, given: readonly string[], io: Io): Promise<void> {
  const other = OF_FILE.find((option) => given.includes(option));
  if (other !== undefined) {
    throw new K3osError("usage", `${other} does not go with --file: the file says what the machines are.`, {
      hint: `Leave ${other} away; the nodes of ${path} have names, and \`vm\` for memory, processors and disk.`,
    });
  }
  const file = requireClusterFile(path, io);
  const disk = file.nodes.some(({ vm }) => vm.diskMiB !== undefined) ? true : undefined;
  refuseContradictions({ ...options, disk, servers: 0, agents: file.nodes.length });
  const servers = file.nodes.filter(({ role }) => role === "server").length;
  const { memory: memoryMiB, cpus = usualCpus(servers) } = options;
  const existing = machinesOf(file.name);
  refuseOtherFile(path, file.name, existing);
  const known = existing.flatMap(({ record }) => record.cluster?.token ?? [])[0];
  const token = tokenFor(path, file, () => known ?? newToken());
  const plan = planOfFile({ path, file, token, usual: { memoryMiB, cpus } });
  await refuseEarly(options, plan);
  const machines = await start(plan, options, imageOptions(path, file), io);
  if (options.json === true) printJson(io, await describeAll(machines, true, io));
  else tellHowToUse(machines, options, io);
  for (const note of plan.notes) io.stderr.write(`k3os: ${note}\n`);
}

function start(plan: Plan, how: UpOptions, image: BuildOptions, io: Io) {
  return withProgress(io, how.json === true, async (progress) => {
    const build = { ...image, architecture: architectureOf(plan, how), progress, signal: io.signal };
    const built = await imageFor(how, build);
    const accel = await accelFor(how, built, progress, io);
    return startAll(plan, { how, image: built, build, accel, progress, io });
  });
}

async function describeAll(machines: readonly Machine[], asList: boolean, io: Io) {
  const told = await Promise.all(machines.map((machine) => describe(machine, io.signal)));
  return asList ? told : told[0];
}

function tellHowToUse([machine, ...agents]: readonly [Machine, ...Machine[]], options: UpOptions, io: Io): void {
  const { name, node, record, paths } = machine;
  const say = (what: string, how: string) => printLine(io, `  ${what.padEnd(11)}${how}`);
  const seconds = record.readySeconds?.toFixed(1);
  printLine(io, "");
  printLine(
    io,
    seconds === undefined
      ? `The machine "${name}" is powered on.`
      : `The node "${node}" is Ready, ${seconds} s after power-on.`,
  );
  for (const agent of agents)
    printLine(io, `The node "${agent.node}" has joined it, ${agent.record.readySeconds?.toFixed(1)} s after power-on.`);
  printLine(io, "");
  if (options.wait) say("kubeconfig", paths.kubeconfig);
  say("kubectl", commandFor("kubectl", name, "get nodes"));
  say("shell", commandFor("ssh", name));
  say("log", commandFor("logs", name, "-f"));
  const one = (each: Machine) => commandFor("down", each.name);
  const stops = options.file === undefined ? [machine, ...agents].map(one) : [fileCommand("down", options.file)];
  for (const [index, stop] of stops.entries()) say(index === 0 ? "stop" : "", stop);
}
