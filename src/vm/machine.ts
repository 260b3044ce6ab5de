import { spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Tools, toolsIn } from "../build/tools.ts";
import { K3osError } from "../errors.ts";
import { type Claim, claim } from "./claim.ts";
import { ensureDisk, type OwnDisk } from "./disk.ts";
import { kubectlCommand } from "./kubectl.ts";
import { checkName, commandFor } from "./name.ts";
import type { Nic } from "./nics.ts";
import { cidata } from "./nocloud.ts";
import { type MachinePaths, machinePaths, machinesDir } from "./paths.ts";
import { checkPort, freePort } from "./ports.ts";
import { identify, isAlive, signalProcess } from "./process.ts";
import { type Accel, type Boot, type Disk, qemuArguments } from "./qemu.ts";
import { connectQmp, type Qmp } from "./qmp.ts";
import { type MachineRecord, type MachineState, readRecord, stateOf, writeRecord } from "./record.ts";
import { lastLines, Serial } from "./serial.ts";
import { type Output, type OutputOptions, outputOf } from "./spawn.ts";
import { ensureSshKey, type SshTarget, sshRun } from "./ssh.ts";
import { poll } from "./wait.ts";

export interface StartOptions {
  readonly name: string;
  readonly tools: Tools;
  readonly boot: Boot;
  readonly accel: Accel;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** The text of config.yaml, handed over as it is. */
  readonly config?: string | undefined;
  /** Ports of the workstation; free ones are chosen for those that are not given. */
  readonly ports?: { readonly ssh?: number | undefined; readonly api?: number | undefined };
  readonly disks?: readonly Disk[];
  /** A disk of its own: it boots from it if `boot` says so, and keeps it until it is removed. */
  readonly disk?: OwnDisk | undefined;
  /** Its network cards; one if not given. */
  readonly nics?: readonly Nic[] | undefined;
  /** See `QemuOptions`. */
  readonly clock?: string | undefined;
  /** Remembered for `status` and `kubectl`. */
  readonly version?: string;
  readonly k3s?: string;
  /** Where machines are kept; the user's own place by default. */
  readonly home?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Powers a machine on and returns once QEMU runs; `waitReady` tells when it is of use. The machine outlives this
 * process. Throws `busy` when one of that name runs. When this fails, nothing runs and nothing half-made is left.
 */
export async function startMachine(options: StartOptions): Promise<Machine> {
  const paths = machinePaths(options.home ?? machinesDir(), checkName(options.name));
  const isNew = !existsSync(paths.record);
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  const claimed = claim(paths.claim, options.name);
  try {
    refuseRunning(options.name, options.home);
    const key = await ensureSshKey(options.tools, paths, options.name);
    rmSync(paths.knownHosts, { force: true });
    rmSync(paths.kubeconfig, { force: true });
    writeFileSync(paths.seed, seed(options, key));
    if (options.disk !== undefined)
      await ensureDisk(options.tools, paths.disk, options.disk, options.name, options.signal);
    return await powerOn(options, paths);
  } catch (error) {
    if (isNew) rmSync(paths.dir, { recursive: true, force: true });
    throw error;
  } finally {
    claimed.release();
  }
}

/** Throws `busy` when a machine of that name runs. `startMachine` asks, too; this is for those who have work to do before. */
export function refuseRunning(name: string, home = machinesDir()): void {
  if (findMachine(name, home)?.state !== "running") return;
  throw new K3osError("busy", `A machine named "${name}" is already running.`, {
    hint: `See it with "${commandFor("status", name)}", stop it with "${commandFor("down", name)}", or start another one with --name.`,
  });
}

function seed(options: StartOptions, key: string): Uint8Array {
  const user = options.config === undefined ? {} : { userData: options.config };
  return cidata({ hostname: options.name, instanceId: `k3os-${options.name}`, publicKeys: [key], ...user });
}

/** Somebody may take a port between the choice and QEMU's start; then others are chosen. */
async function powerOn(options: StartOptions, paths: MachinePaths): Promise<Machine> {
  const ports = options.ports ?? {};
  if (ports.ssh !== undefined) await checkPort(ports.ssh, "ssh");
  if (ports.api !== undefined) await checkPort(ports.api, "the Kubernetes API");
  for (let attempt = 1; ; attempt++) {
    const chosen = { ssh: ports.ssh ?? (await freePort()), api: ports.api ?? (await freePort()) };
    const complaint = await launch(options, paths, chosen);
    if (complaint === undefined) return new Machine(options.name, paths);
    if (attempt < 3 && complaint.includes("host forwarding")) continue;
    throw new K3osError("machine", `QEMU ended at once: ${complaint}`);
  }
}

/** Starts QEMU; `undefined` when it runs, otherwise what it said before it ended. */
async function launch(
  options: StartOptions,
  paths: MachinePaths,
  ports: MachineRecord["ports"],
): Promise<string | undefined> {
  options.signal?.throwIfAborted();
  for (const file of [paths.serialLog, paths.qmpSocket, paths.serialSocket]) rmSync(file, { force: true });
  const { argv, env } = options.tools.command(qemuCommand(options, paths, ports));
  const [program = "", ...rest] = argv;
  const log = openSync(paths.qemuLog, "w", 0o600);
  const child = spawn(program, rest, {
    cwd: paths.dir,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const id = child.pid === undefined ? undefined : identify(child.pid);
  let ended = id === undefined;
  child.once("error", () => (ended = true));
  child.once("exit", () => (ended = true));
  child.unref();
  if (id !== undefined) {
    // In the same breath as the start: there is no moment in which a machine runs that nobody remembers.
    writeRecord(paths.record, {
      format: 1,
      name: options.name,
      phase: "starting",
      process: id,
      started: new Date().toISOString(),
      boot: options.boot,
      toolsRoot: options.tools.root,
      accel: options.accel,
      memoryMiB: options.memoryMiB,
      cpus: options.cpus,
      ports,
      ...(options.version === undefined ? {} : { version: options.version }),
      ...(options.k3s === undefined ? {} : { k3s: options.k3s }),
    });
  }
  try {
    const up = await poll(async () => (ended ? false : await answers(paths)), {
      timeoutMs: 15_000,
      everyMs: 20,
      signal: options.signal,
    });
    if (up === true) return undefined;
  } catch (error) {
    if (id !== undefined) signalProcess(id, "SIGKILL");
    throw error;
  }
  if (id !== undefined) signalProcess(id, "SIGKILL");
  rmSync(paths.record, { force: true });
  return lastLines(readFileSync(paths.qemuLog, "utf8"), 3) || "it said nothing";
}

async function answers(paths: MachinePaths): Promise<true | undefined> {
  try {
    (await connectQmp(paths.qmpSocket)).close();
    return true;
  } catch {
    return undefined;
  }
}

/** Sockets are named relative to the machine's directory, in which QEMU runs: absolute ones may be too long. */
function qemuCommand(options: StartOptions, paths: MachinePaths, ports: MachineRecord["ports"]): string[] {
  const firmware = options.boot.kind === "image" ? "bios" : options.boot.firmware;
  return qemuArguments({
    name: options.name,
    accel: options.accel,
    memoryMiB: options.memoryMiB,
    cpus: options.cpus,
    boot: options.boot,
    seed: paths.seed,
    forwards: [
      { host: ports.ssh, guest: 22 },
      { host: ports.api, guest: 6443 },
    ],
    nics: options.nics,
    clock: options.clock,
    qmpSocket: "qmp.sock",
    serialSocket: "serial.sock",
    serialLog: "serial.log",
    disks: [...ownDisk(options, paths), ...(options.disks ?? [])],
    ...(firmware === "bios" ? {} : { uefi: uefi(firmware, options.tools, paths) }),
  });
}

function ownDisk({ disk }: StartOptions, paths: MachinePaths): Disk[] {
  if (disk === undefined) return [];
  // A medium comes first.
  return [{ file: paths.disk, format: "qcow2", bus: disk.bus, sectorSize: disk.sectorSize, bootIndex: 1 }];
}

/** The firmware's code, and the machine's variables, which begin as the firmware's vendor has them. */
function uefi(firmware: "uefi" | "secure-boot", tools: Tools, paths: MachinePaths) {
  const ovmf = (name: string) => tools.path(`usr/share/OVMF/${name}`);
  const isSecure = firmware === "secure-boot";
  const vars = isSecure ? paths.secureBootVars : paths.uefiVars;
  if (!existsSync(vars)) copyFileSync(ovmf(isSecure ? "OVMF_VARS_4M.ms.fd" : "OVMF_VARS_4M.fd"), vars);
  return { code: ovmf(isSecure ? "OVMF_CODE_4M.secboot.fd" : "OVMF_CODE_4M.fd"), vars };
}

/** The machine of that name, running or not; `undefined` when there is none. */
export function findMachine(name: string, home = machinesDir()): Machine | undefined {
  const paths = machinePaths(home, checkName(name));
  return readRecord(paths.record) === undefined ? undefined : new Machine(name, paths);
}

/** The names of all machines, sorted. */
export function machineNames(home = machinesDir()): string[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .filter((name) => readRecord(join(home, name, "machine.json")) !== undefined)
    .sort();
}

/** A machine that was started at some time. Nothing is kept in this object: every look is at the files and the process. */
export class Machine {
  readonly name: string;
  readonly paths: MachinePaths;
  /** Its console since power-on. */
  readonly serial: Serial;

  constructor(name: string, paths: MachinePaths) {
    this.name = name;
    this.paths = paths;
    this.serial = new Serial(paths.serialLog, paths.serialSocket);
  }

  get record(): MachineRecord {
    const record = readRecord(this.paths.record);
    if (record === undefined) throw new K3osError("machine", `The machine "${this.name}" was removed meanwhile.`);
    return record;
  }

  get state(): MachineState {
    return stateOf(this.record);
  }

  /** The tools it was started with; its ssh is one of them. */
  get tools(): Tools {
    const { toolsRoot } = this.record;
    if (existsSync(toolsRoot)) return toolsIn(toolsRoot);
    throw new K3osError("host", `The tools that the machine "${this.name}" was started with are gone.`, {
      hint: `Stop and start it again: "${commandFor("down", this.name)}" and "${commandFor("up", this.name)}".`,
    });
  }

  /** How ssh reaches it. */
  get sshTarget(): SshTarget {
    return { tools: this.tools, paths: this.paths, port: this.record.ports.ssh };
  }

  /** Runs a line of shell on the node as `rancher`. A failing command is no error, see `status`. */
  ssh(command: string, options: OutputOptions = {}): Promise<Output> {
    return sshRun(this.sshTarget, command, options);
  }

  /** The kubeconfig with which this workstation reaches the cluster; `undefined` before `waitReady`. */
  kubeconfig(): string | undefined {
    return existsSync(this.paths.kubeconfig) ? readFileSync(this.paths.kubeconfig, "utf8") : undefined;
  }

  /** Runs the image's own kubectl against its cluster. A failing command is no error, see `status`. */
  kubectl(args: readonly string[], options: OutputOptions = {}): Promise<Output> {
    const [program, ...first] = kubectlCommand(this.record.k3s);
    return outputOf({ argv: [program, ...first, ...args], env: { KUBECONFIG: this.paths.kubeconfig } }, options);
  }

  update(change: Partial<MachineRecord>): void {
    writeRecord(this.paths.record, { ...this.record, ...change });
  }

  qmp(): Promise<Qmp> {
    return connectQmp(this.paths.qmpSocket);
  }

  /**
   * Powers it off: by its power button, and if it has not gone after `graceMs`, by force. Returns whether it went by itself.
   * The claim keeps two commands from doing it at once.
   */
  async stop(
    options: { readonly graceMs?: number; readonly phase?: "stopped" | "failed"; readonly signal?: AbortSignal } = {},
  ): Promise<boolean> {
    const claimed: Claim = claim(this.paths.claim, this.name);
    try {
      if (this.state !== "running") return true;
      const clean = await powerOff(this, options.graceMs ?? 60_000, options.signal);
      this.update({ phase: options.phase ?? "stopped" });
      return clean;
    } finally {
      claimed.release();
    }
  }

  /** Removes everything that is known of it. It must not be running. */
  remove(): void {
    if (existsSync(this.paths.record) && this.state === "running")
      throw new K3osError("busy", `The machine "${this.name}" is running.`);
    rmSync(this.paths.dir, { recursive: true, force: true });
  }
}

async function powerOff(machine: Machine, graceMs: number, signal?: AbortSignal): Promise<boolean> {
  const id = machine.record.process;
  const gone = (timeoutMs: number) =>
    poll(() => (isAlive(id) ? undefined : true), { timeoutMs, everyMs: 50, signal }).then((answer) => answer === true);
  if (graceMs > 0) {
    const qmp = await machine.qmp().catch(() => undefined);
    await qmp?.execute("system_powerdown").catch(() => {});
    qmp?.close();
    if (qmp !== undefined && (await gone(graceMs))) return true;
  }
  signalProcess(id, "SIGTERM"); // QEMU flushes its disks
  if (await gone(5000)) return false;
  signalProcess(id, "SIGKILL");
  await gone(5000);
  return false;
}
