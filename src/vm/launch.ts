import { closeSync, copyFileSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import type { Tools } from "../build/tools.ts";
import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { start } from "../process/run.ts";
import type { Cluster, FromFile } from "./cluster.ts";
import type { OwnDisk } from "./disk.ts";
import type { Nic } from "./nics.ts";
import type { MachinePaths } from "./paths.ts";
import { checkPort, freePort } from "./ports.ts";
import { identify, signalProcess } from "./process.ts";
import { type Accel, type Boot, type Disk, firmwareOf, qemuArguments } from "./qemu.ts";
import { connectQmp } from "./qmp.ts";
import { type MachineRecord, readRecord, writeRecord } from "./record.ts";
import { lastLines } from "./serial.ts";
import { poll } from "./wait.ts";

export interface StartOptions {
  readonly name: string;
  /** Its processor. */
  readonly architecture: ArchitectureName;
  readonly tools: Tools;
  readonly boot: Boot;
  readonly accel: Accel;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** The text of config.yaml, passed on unchanged. */
  readonly config?: string | undefined;
  /** Ports of the workstation; free ones are chosen for those that are not given. */
  readonly ports?: { readonly ssh?: number | undefined; readonly api?: number | undefined };
  readonly disks?: readonly Disk[];
  /** The machine's own disk. It boots from the disk if `boot` says so, and keeps the disk until it is removed. */
  readonly disk?: OwnDisk | undefined;
  /** Its network cards; one if not given. */
  readonly nics?: readonly Nic[] | undefined;
  /** See `QemuOptions`. */
  readonly clock?: string | undefined;
  readonly watchdog?: boolean | undefined;
  /** QEMU's board, if it is not the usual one. */
  readonly board?: "pc" | undefined;
  /** See `MachineRecord`. */
  readonly cluster?: Cluster | undefined;
  readonly server?: string | undefined;
  readonly from?: FromFile | undefined;
  /** Saved for `status` and `kubectl`. */
  readonly version?: string;
  readonly k3s?: string;
  /** Where machines are kept; the user's own place by default. */
  readonly home?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Starts QEMU, and returns once it runs. Chooses other ports if another program took one before QEMU could. */
export async function powerOn(options: StartOptions, paths: MachinePaths): Promise<void> {
  const ports = options.ports ?? {};
  if (ports.ssh !== undefined) await checkPort(ports.ssh, "ssh");
  if (ports.api !== undefined) await checkPort(ports.api, "the Kubernetes API");
  for (let attempt = 1; ; attempt++) {
    const chosen = { ssh: ports.ssh ?? (await freePort()), api: ports.api ?? (await freePort()) };
    const complaint = await launch(options, paths, chosen);
    if (complaint === undefined) return;
    if (attempt < 3 && complaint.includes("host forwarding")) continue;
    throw new K3osError("machine", `QEMU ended at once: ${complaint}`);
  }
}

/** Starts QEMU. Returns `undefined` when it runs, otherwise what it printed before it ended. */
async function launch(
  options: StartOptions,
  paths: MachinePaths,
  ports: MachineRecord["ports"],
): Promise<string | undefined> {
  options.signal?.throwIfAborted();
  const before = readRecord(paths.record);
  for (const file of [paths.serialLog, paths.qmpSocket, paths.serialSocket]) rmSync(file, { force: true });
  const qemu = options.tools.command(qemuCommand(options, paths, ports));
  const log = openSync(paths.qemuLog, "w", 0o600);
  const child = start({ ...qemu, cwd: paths.dir }, { stdio: ["ignore", log, log], group: true });
  closeSync(log);
  const id = child.pid === undefined ? undefined : identify(child.pid);
  let ended = id === undefined;
  child.once("error", () => (ended = true));
  child.once("exit", () => (ended = true));
  child.unref();
  if (id !== undefined) {
    // No await since the start, so that every running machine has a record.
    writeRecord(paths.record, {
      format: 1,
      name: options.name,
      architecture: options.architecture,
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
      ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
      ...(options.server === undefined ? {} : { server: options.server }),
      ...(options.from === undefined ? {} : { from: options.from }),
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
  if (before === undefined) rmSync(paths.record, { force: true });
  else writeRecord(paths.record, before); // it knows the machine's cluster
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

/**
 * QEMU runs in the machine's directory. Sockets are relative to it, because an absolute path may be too long for one.
 */
function qemuCommand(options: StartOptions, paths: MachinePaths, ports: MachineRecord["ports"]): string[] {
  const firmware = firmwareOf(options);
  return qemuArguments({
    name: options.name,
    architecture: options.architecture,
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
    watchdog: options.watchdog,
    board: options.board,
    qmpSocket: "qmp.sock",
    serialSocket: "serial.sock",
    serialLog: "serial.log",
    disks: [...ownDisk(options, paths), ...(options.disks ?? [])],
    ...(firmware === "bios" ? {} : { uefi: uefi(firmware, options, paths) }),
  });
}

function ownDisk({ disk }: StartOptions, paths: MachinePaths): Disk[] {
  if (disk === undefined) return [];
  // The boot index of a medium is 0.
  return [{ file: paths.disk, format: "qcow2", bus: disk.bus, sectorSize: disk.sectorSize, bootIndex: 1 }];
}

/** The firmware's code and the machine's variables. A new machine begins with a copy of the vendor's. */
function uefi(firmware: "uefi" | "secure-boot", { architecture, tools }: StartOptions, paths: MachinePaths) {
  const files = ARCHITECTURES[architecture].qemu.firmware[firmware];
  const vars = firmware === "secure-boot" ? paths.secureBootVars : paths.uefiVars;
  if (!existsSync(vars)) copyFileSync(tools.path(`usr/share/${files.vars}`), vars);
  return { code: tools.path(`usr/share/${files.code}`), vars };
}
