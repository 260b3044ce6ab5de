import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Tools, toolsIn } from "../build/tools.ts";
import { K3osError } from "../errors.ts";
import { type Output, type OutputOptions, outputOf } from "../process/run.ts";
import { type Claim, claim } from "./claim.ts";
import { serversOf } from "./cluster.ts";
import { ensureDisk } from "./disk.ts";
import { kubectlCommand } from "./kubectl.ts";
import { powerOn, type StartOptions } from "./launch.ts";
import { checkName, commandFor } from "./name.ts";
import { cidata } from "./nocloud.ts";
import { type MachinePaths, machinePaths, machinesDir } from "./paths.ts";
import { isAlive, signalProcess } from "./process.ts";
import { connectQmp, type Qmp } from "./qmp.ts";
import { type MachineRecord, type MachineState, readRecord, stateOf, writeRecord } from "./record.ts";
import { Serial } from "./serial.ts";
import { ensureSshKey, type SshTarget, sshRun } from "./ssh.ts";
import { poll } from "./wait.ts";

export type { StartOptions } from "./launch.ts";

/** How long a machine may take to switch itself off. Its pods have a minute of that. */
const SHUTDOWN_MS = 120_000;

/**
 * Powers a machine on and returns once QEMU runs; `waitReady` waits for the node. The machine outlives this process.
 * Throws `busy` when a machine of that name runs. After a failure, nothing runs and no half-made machine is left.
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
    await powerOn(options, paths);
    return new Machine(options.name, paths);
  } catch (error) {
    if (isNew) rmSync(paths.dir, { recursive: true, force: true });
    throw error;
  } finally {
    claimed.release();
  }
}

/** Throws `busy` if a machine of that name runs. `startMachine` does so, too; call this before long work. */
export function refuseRunning(name: string, home = machinesDir()): void {
  if (findMachine(name, home)?.state !== "running") return;
  throw new K3osError("busy", `A machine named "${name}" is already running.`, {
    hint: `See it with "${commandFor("status", name)}", stop it with "${commandFor("down", name)}", or start another one with --name.`,
  });
}

function seed(options: StartOptions, key: string): Uint8Array {
  const user = options.config === undefined ? {} : { userData: options.config };
  return cidata({
    hostname: options.from?.node ?? options.name,
    instanceId: `k3os-${options.name}`,
    publicKeys: [key],
    ...user,
  });
}

/** The machine of that name, running or not; `undefined` when there is none. */
export function findMachine(name: string, home = machinesDir()): Machine | undefined {
  const paths = machinePaths(home, checkName(name));
  return readRecord(paths.record) === undefined ? undefined : new Machine(name, paths);
}

/** The machine whose API is that of this machine's cluster: a server that runs, the own one first; otherwise itself. */
export function apiMachine(machine: Machine, home = machinesDir()): Machine {
  const { cluster } = machine.record;
  const names = serverNames(machine, home);
  if (cluster === undefined || (names.includes(machine.name) && machine.state === "running")) return machine;
  return names.flatMap((name) => findMachine(name, home) ?? []).find(({ state }) => state === "running") ?? machine;
}

/** The servers of the machine's cluster; itself if it has none. */
function serverNames({ name, record: { server, cluster, from } }: Machine, home: string): string[] {
  if (from === undefined) return serversOf(server ?? name, cluster?.servers ?? 1).map((one) => one.name);
  return machinesOf(from.cluster, home)
    .filter(({ record }) => record.from?.role === "server")
    .map((one) => one.name);
}

/** The machines that a cluster file of that cluster has described, running or not. */
export function machinesOf(cluster: string, home = machinesDir()): Machine[] {
  const all = machineNames(home).flatMap((name) => findMachine(name, home) ?? []);
  return all.filter(({ record }) => record.from?.cluster === cluster);
}

/** The names of all machines, sorted. */
export function machineNames(home = machinesDir()): string[] {
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .filter((name) => readRecord(join(home, name, "machine.json")) !== undefined)
    .sort();
}

/**
 * A machine that was started at some time. The object holds no state: it reads files and the process anew each time.
 */
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

  /** The name of its node, unless the config of a single machine has another one. */
  get node(): string {
    return this.record.from?.node ?? this.name;
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

  /** The parameters to reach it by ssh. */
  get sshTarget(): SshTarget {
    return { tools: this.tools, paths: this.paths, port: this.record.ports.ssh };
  }

  /** Runs a line of shell on the node as `rancher`. A failing command is no error, see `status`. */
  ssh(command: string, options: OutputOptions = {}): Promise<Output> {
    return sshRun(this.sshTarget, command, options);
  }

  /** The kubeconfig for this workstation; `undefined` before `waitReady`. */
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
   * Powers it off by its power button, or by force after `graceMs`. Returns whether it ended by itself.
   * The claim keeps two commands from doing it at once.
   */
  async stop(
    options: { readonly graceMs?: number; readonly phase?: "stopped" | "failed"; readonly signal?: AbortSignal } = {},
  ): Promise<boolean> {
    const claimed: Claim = claim(this.paths.claim, this.name);
    try {
      if (this.state !== "running") return true;
      // Saved before QEMU ends, so that this end is not taken for a crash.
      this.update({ phase: options.phase ?? "stopped" });
      return await powerOff(this, options.graceMs ?? SHUTDOWN_MS, options.signal);
    } finally {
      claimed.release();
    }
  }

  /** Removes all files of the machine, which must not be running. */
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
