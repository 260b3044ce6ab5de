import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import { K3osError } from "../../errors.ts";
import { requireKvm } from "../../vm/accel.ts";
import { MOST_SERVERS } from "../../vm/cluster.ts";
import { type Machine, refuseRunning } from "../../vm/machine.ts";
import { checkHostMemory } from "../../vm/memory.ts";
import { commandFor } from "../../vm/name.ts";
import { checkPort } from "../../vm/ports.ts";
import { parseDiskSize } from "../../vm/size.ts";
import { requireConfigFile } from "../config-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { asArgument, examples, jsonOption, memoryOption, nameOption, numberOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";
import { accelFor, type How, hasDisk, imageFor } from "../starting/boot.ts";
import { machinesIn, type Plan, planOf } from "../starting/plan.ts";
import { startAll } from "../starting/start.ts";
import { describe } from "./status.ts";

interface UpOptions extends How {
  readonly name: string;
  readonly memory: number;
  readonly cpus: number;
  readonly disk?: true | number;
  readonly config?: string;
  readonly servers?: number;
  readonly agents: number;
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
    .addOption(memoryOption())
    .addOption(numberOption("-c, --cpus <count>", "its processors", 1, 64).default(Math.min(2, availableParallelism())))
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
    .addOption(new Option("--firmware <kind>", "what boots disk or ISO (BIOS if not given)").choices(["bios", "uefi"]))
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
    .action((options: UpOptions) => runUp(options, io));
  return examples(
    up,
    ["./k3os up", "a machine with 2 GB of memory"],
    ["./k3os up --name a --memory 1G", "another one beside it"],
    ["./k3os up --agents 2", "a cluster of three machines; the same with 3 adds one"],
    ["./k3os up --servers 3 --agents 2", "one that loses a server and goes on"],
    ["./k3os up --config node.yaml", "with a configuration of your own"],
    ["./k3os up --dev --no-wait", "with the changes of your working tree, at once"],
    ['./k3os up --append "k3os.debug"', "with more kernel arguments"],
    ["./k3os up --disk 20G", "from a disk, whose state it keeps over down and up"],
    ["./k3os up --iso --firmware uefi", "boot the ISO under UEFI"],
    ["./k3os up --iso --disk --no-wait", "with an empty disk, to install on"],
  );
}

async function runUp(options: UpOptions, io: Io): Promise<void> {
  refuseContradictions(options);
  const { name, servers, agents, config: path, memory: memoryMiB, cpus, disk } = options;
  const config = path === undefined ? undefined : { path, text: requireConfigFile(path, io) };
  const plan = planOf({ name, servers, agents, config, hardware: { memoryMiB, cpus, disk } });
  await refuseEarly(options, plan);
  const hadDisk = plan.server.running === undefined && disk !== undefined && hasDisk(name);
  const machines = await withProgress(io, options.json === true, async (progress) => {
    const build = { progress, signal: io.signal };
    const image = await imageFor(options, build);
    const accel = await accelFor(options, image, progress, io);
    return startAll(plan, { how: options, image, build, accel, progress, io });
  });
  if (options.json === true) {
    const told = await Promise.all(machines.map((machine) => describe(machine, io.signal)));
    return printJson(io, machinesIn(plan).length === 1 ? told[0] : told);
  }
  tellHowToUse(machines, options, io);
  if (hadDisk) printLine(io, `  ${"disk".padEnd(11)}as it was left; a new one: ${commandFor("down", name, "--purge")}`);
}

/** Checks before the build, which may take minutes, for errors that would occur after it. */
async function refuseEarly(options: UpOptions, plan: Plan): Promise<void> {
  const { server } = plan;
  if (machinesIn(plan).length === 1) refuseRunning(options.name);
  if (options.sshPort !== undefined && server.running === undefined) await checkPort(options.sshPort, "ssh");
  if (options.apiPort !== undefined && server.running === undefined)
    await checkPort(options.apiPort, "the Kubernetes API");
  if (options.accel === "kvm") requireKvm();
  const missing = machinesIn(plan).filter(({ running }) => running === undefined);
  for (const { name } of missing) refuseUnusedDisk(name, options);
  const memory = missing.map(({ hardware }) => hardware.memoryMiB);
  checkHostMemory(memory, readFileSync("/proc/meminfo", "utf8"));
}

/** Refuses combinations of options in which one would have no effect. */
function refuseContradictions(options: UpOptions): void {
  const { iso, disk, firmware, secureBoot, append, dev, servers = 1, agents, wait } = options;
  if (agents + servers > 1 && (iso !== undefined || !wait)) {
    const option = iso === undefined ? "--no-wait" : "--iso";
    throw new K3osError("usage", `A cluster does not go with ${option}: others start when the first server is Ready.`, {
      hint: `Leave ${option} away.`,
    });
  }
  const firmwareOption = secureBoot === true ? "--secure-boot" : "--firmware";
  if ((firmware !== undefined || secureBoot === true) && iso === undefined && disk === undefined) {
    throw new K3osError(
      "usage",
      `${firmwareOption} has no effect: without --disk or --iso, QEMU itself starts the kernel.`,
      {
        hint: `Add --disk or --iso.`,
      },
    );
  }
  if (secureBoot === true && firmware === "bios")
    throw new K3osError("usage", "BIOS knows no Secure Boot.", { hint: "Leave --firmware away." });
  if ((append !== undefined || dev === true) && (iso !== undefined || disk !== undefined)) {
    const option = append === undefined ? "--dev" : "--append";
    throw new K3osError("usage", `${option} has no effect: from a disk or ISO, the boot menu starts the kernel.`, {
      hint: "Leave --disk and --iso away, or change the kernel's arguments in the boot menu: ./k3os console",
    });
  }
}

function refuseUnusedDisk(name: string, { disk, iso }: UpOptions): void {
  if (disk !== undefined || iso !== undefined || !hasDisk(name)) return;
  throw new K3osError("usage", `The machine "${name}" has a disk, which it would not boot from.`, {
    hint: `Add --disk to go on with it, or begin anew: ${commandFor("down", name, "--purge")}`,
  });
}

function tellHowToUse([machine, ...agents]: readonly [Machine, ...Machine[]], options: UpOptions, io: Io): void {
  const { name, record, paths } = machine;
  const say = (what: string, how: string) => printLine(io, `  ${what.padEnd(11)}${how}`);
  const seconds = record.readySeconds?.toFixed(1);
  printLine(io, "");
  printLine(
    io,
    seconds === undefined
      ? `The machine "${name}" is powered on.`
      : `The node "${name}" is Ready, ${seconds} s after power-on.`,
  );
  for (const agent of agents)
    printLine(io, `The node "${agent.name}" has joined it, ${agent.record.readySeconds?.toFixed(1)} s after power-on.`);
  printLine(io, "");
  if (options.wait) say("kubeconfig", paths.kubeconfig);
  say("kubectl", commandFor("kubectl", name, "get nodes"));
  say("shell", commandFor("ssh", name));
  say("log", commandFor("logs", name, "-f"));
  say("stop", commandFor("down", name));
  for (const agent of agents) say("", commandFor("down", agent.name));
}
