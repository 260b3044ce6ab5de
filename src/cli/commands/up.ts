import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import type { BuildOptions, BuiltImage } from "../../build/index.ts";
import { K3osError } from "../../errors.ts";
import type { Progress } from "../../progress.ts";
import { chooseAccel, requireKvm } from "../../vm/accel.ts";
import { MOST_SERVERS } from "../../vm/cluster.ts";
import { type OwnDisk, parseDiskSize } from "../../vm/disk.ts";
import { findMachine, type Machine, refuseRunning, startMachine } from "../../vm/machine.ts";
import { checkHostMemory } from "../../vm/memory.ts";
import { commandFor } from "../../vm/name.ts";
import { checkPort } from "../../vm/ports.ts";
import { type Accel, type Boot, type Firmware, lateTimer } from "../../vm/qemu.ts";
import { type ReadyOptions, waitJoined, waitReady } from "../../vm/ready.ts";
import { requireConfigFile } from "../config-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { asArgument, examples, jsonOption, memoryOption, nameOption, numberOption } from "../options.ts";
import { asStep, withProgress } from "../progress/index.ts";
import { machinesIn, type Plan, type Planned, planOf } from "../up-plan.ts";
import { describe } from "./status.ts";

interface UpOptions {
  readonly name: string;
  readonly memory: number;
  readonly cpus: number;
  readonly config?: string;
  readonly iso?: true | "disc" | "usb";
  readonly disk?: true | number;
  readonly firmware?: "bios" | "uefi";
  readonly secureBoot?: boolean;
  readonly accel?: Accel;
  readonly append?: string;
  readonly dev?: boolean;
  readonly servers?: number;
  readonly agents: number;
  readonly sshPort?: number;
  readonly apiPort?: number;
  readonly timeout: number;
  readonly wait: boolean;
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
  const { config: path } = options;
  const config = path === undefined ? undefined : { path, text: requireConfigFile(path, io) };
  const plan = planOf({ name: options.name, servers: options.servers, agents: options.agents, config });
  await refuseEarly(options, plan);
  const hadDisk = plan.server.running === undefined && options.disk !== undefined && hasDisk(options.name);
  const machines = await withProgress(io, options.json === true, async (progress) => {
    const context = { progress, signal: io.signal };
    const image = await imageFor(options, context);
    const accel = await accelFor(options, image, progress, io);
    return startAll(plan, { options, image, accel, progress, io });
  });
  if (options.json === true) {
    const told = await Promise.all(machines.map((machine) => describe(machine, io.signal)));
    return printJson(io, machinesIn(plan).length === 1 ? told[0] : told);
  }
  tellHowToUse(machines, options, io);
  if (hadDisk)
    printLine(io, `  ${"disk".padEnd(11)}as it was left; a new one: ${commandFor("down", options.name, "--purge")}`);
}

/**
 * Starts what does not run, the first server before the others and these before agents, and waits until all are Ready.
 */
async function startAll(plan: Plan, context: StartContext): Promise<readonly [Machine, ...Machine[]]> {
  const { options, progress, io } = context;
  const { running } = plan.server;
  const serverExisted = findMachine(plan.server.name) !== undefined;
  // Servers that were members before have a majority only together.
  const isTogether = plan.otherServers.some((other) => other.running === undefined && hasDisk(other.name));
  const server = running ?? (await powerOn(plan.server, context));
  const ready =
    running === undefined
      ? awaitOrGiveUp(server, undefined, serverExisted, context)
      : awaitReady(running, undefined, options, progress, io);
  if (!isTogether) await ready;
  // One without a disk that joins nobody has made its authority anew, and machines of before do not trust it.
  const stayed = plan.otherServers.some((other) => other.running !== undefined);
  const isAnew = running === undefined && options.disk === undefined && !stayed;
  const join = async (member: Planned): Promise<Machine> => {
    if (member.running !== undefined && !isAnew) {
      await awaitReady(member.running, server, options, progress, io);
      return member.running;
    }
    const existed = findMachine(member.name) !== undefined;
    await member.running?.stop({ graceMs: 0 });
    const started = await powerOn(member, { ...context, server });
    await awaitOrGiveUp(started, server, existed, context);
    return started;
  };
  const [first, ...servers] = await Promise.allSettled([ready, ...plan.otherServers.map(join)]);
  const agents = [first, ...servers].some(isRejected) ? [] : await Promise.allSettled(plan.agents.map(join));
  const failed = [first, ...servers, ...agents].find(isRejected);
  if (failed === undefined)
    return [server, ...[...servers, ...agents].flatMap((end) => (end.status === "fulfilled" ? end.value : []))];
  if (io.signal.aborted && running === undefined) await giveUp(server, serverExisted, io);
  const error: unknown = failed.reason;
  if (io.signal.aborted || !(error instanceof K3osError) || machinesIn(plan).length === 1) throw error;
  const hint = [error.hint, `The other machines of the cluster run on: ./k3os list`].filter(Boolean).join("\n");
  throw new K3osError(error.kind, error.message, { hint });
}

const isRejected = (end: PromiseSettledResult<unknown>): end is PromiseRejectedResult => end.status === "rejected";

interface StartContext {
  readonly options: UpOptions;
  readonly image: BuiltImage;
  readonly accel: Accel;
  readonly progress: Progress;
  readonly io: Io;
  /** The first server, which another machine joins. */
  readonly server?: Machine | undefined;
}

async function powerOn(planned: Planned, context: StartContext): Promise<Machine> {
  const { options, image, accel, progress, io, server } = context;
  const { name } = planned;
  return startMachine({
    ...{ name, config: planned.config, nics: planned.nics, cluster: planned.cluster, server: server?.name },
    ...{ tools: image.tools, accel, memoryMiB: options.memory, cpus: options.cpus },
    ...(await bootOf(name, options, image, { progress, signal: io.signal })),
    ...(server === undefined && { ports: { ssh: options.sshPort, api: options.apiPort } }),
    ...{ version: versionOn(name, options, image), k3s: image.k3s, signal: io.signal },
  });
}

/** A machine that does not become Ready is stopped. */
async function awaitOrGiveUp(
  machine: Machine,
  server: Machine | undefined,
  existed: boolean,
  { options, progress, io }: StartContext,
): Promise<void> {
  if (!options.wait) return;
  try {
    await awaitReady(machine, server, options, progress, io);
  } catch (error) {
    await giveUp(machine, existed, io);
    throw error;
  }
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
  checkHostMemory(options.memory, readFileSync("/proc/meminfo", "utf8"), missing.length);
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

function hasDisk(name: string): boolean {
  const machine = findMachine(name);
  return machine !== undefined && existsSync(machine.paths.disk);
}

async function imageFor(options: UpOptions, context: BuildOptions): Promise<BuiltImage> {
  const { build, buildDevImage, buildIso } = await import("../../build/index.ts");
  if (options.iso !== undefined) return (await buildIso(context)).image;
  return (options.dev === true ? buildDevImage : build)(context);
}

interface Booted {
  readonly boot: Boot;
  readonly disk?: OwnDisk;
}

/** What a machine boots, and its own disk. */
async function bootOf(name: string, options: UpOptions, image: BuiltImage, context: BuildOptions): Promise<Booted> {
  const { buildDisk, buildIso } = await import("../../build/index.ts");
  const firmware: Firmware = options.secureBoot === true ? "secure-boot" : (options.firmware ?? "bios");
  const own: OwnDisk | undefined =
    options.disk === undefined ? undefined : options.disk === true ? {} : { sizeMiB: options.disk };
  if (options.iso !== undefined) {
    const { dir } = await buildIso(context);
    const as = options.iso === true ? "disc" : options.iso;
    return { boot: { kind: "iso", file: join(dir, "k3os.iso"), as, firmware }, ...(own && { disk: own }) };
  }
  if (own !== undefined) {
    const boot: Boot = { kind: "disk", firmware };
    if (hasDisk(name)) return { boot, disk: own };
    const { dir } = await buildDisk("raw", { ...context, usualKernel: "cloud", arguments: [lateTimer] });
    return { boot, disk: { ...own, from: join(dir, "k3os.raw") } };
  }
  const added = [
    ...(options.dev === true ? ["k3os.dev"] : []),
    ...(options.append === undefined ? [] : [options.append]),
  ];
  return {
    boot: { kind: "image", dir: image.dir, append: [...image.imageJson.kernel.arguments, ...added].join(" ") },
  };
}

/** The version that the machine will run: the one on its disk, if it has been used before, else that of the image. */
function versionOn(name: string, { disk, iso }: UpOptions, image: BuiltImage): string {
  const before =
    disk !== undefined && iso === undefined && hasDisk(name) ? findMachine(name)?.record.version : undefined;
  return before ?? image.imageJson.version;
}

async function accelFor(options: UpOptions, image: BuiltImage, progress: Progress, io: Io): Promise<Accel> {
  if (options.accel !== undefined) return options.accel;
  const kernel = join(image.dir, "vmlinuz");
  return (await chooseAccel({ tools: image.tools, kernel, progress, signal: io.signal })).accel;
}

function awaitReady(
  machine: Machine,
  server: Machine | undefined,
  options: UpOptions,
  progress: Progress,
  io: Io,
): Promise<void> {
  const accel = machine.record.accel === "kvm" ? "hardware virtualisation" : "software emulation";
  const title = `Boot ${machine.name} (${accel})`;
  return asStep(
    progress,
    title,
    (update) => {
      const how: ReadyOptions = {
        timeoutMs: options.timeout * 1000,
        signal: io.signal,
        onStage: update,
        onRestart: (reason) => progress.step(`Start ${machine.name} anew`).done(reason),
      };
      return server === undefined ? waitReady(machine, how) : waitJoined(machine, server, how);
    },
    () => "Ready",
  );
}

/** Stops the machine. Its logs stay after a failure; a new machine that the user stopped is removed. */
async function giveUp(machine: Machine, existed: boolean, io: Io): Promise<void> {
  await machine.stop({ graceMs: 0, phase: "failed" });
  if (io.signal.aborted && !existed) machine.remove();
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
