import { readFileSync } from "node:fs";
import { nodeHost } from "../host/node.ts";
import type { ArchitectureName } from "../image/architecture.ts";
import type { Cluster, FromFile } from "./cluster.ts";
import { isAlive, type ProcessId } from "./process.ts";
import type { Accel, Boot } from "./qemu.ts";

/** The saved data of a machine (`machine.json`). */
export interface MachineRecord {
  readonly format: 1;
  readonly name: string;
  /** Its processor. */
  readonly architecture: ArchitectureName;
  /** The result of the last `start` or `stop`. `process` tells whether the machine runs. */
  readonly phase: "starting" | "ready" | "stopped" | "failed";
  readonly process: ProcessId;
  /** When it was powered on, as ISO 8601. */
  readonly started: string;
  readonly boot: Boot;
  readonly toolsRoot: string;
  readonly accel: Accel;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly ports: { readonly ssh: number; readonly api: number };
  /** The version of its image and the path of its kubectl, if known. */
  readonly version?: string;
  readonly k3s?: string;
  /** Seconds from power-on to Ready. */
  readonly readySeconds?: number;
  /** Of a cluster's machines. */
  readonly cluster?: Cluster;
  /** Of all of them but the first server: its name. */
  readonly server?: string;
  /** Of machines that a cluster file describes. */
  readonly from?: FromFile;
}

/**
 * `running`: powered on, Ready or not yet. `stopped`: by `down`. `failed`: never became Ready and was stopped.
 * `crashed`: it ended although no command stopped it.
 */
export type MachineState = "running" | "stopped" | "failed" | "crashed";

export function stateOf(record: MachineRecord, alive: (id: ProcessId) => boolean = isAlive): MachineState {
  if (alive(record.process)) return "running";
  return record.phase === "stopped" || record.phase === "failed" ? record.phase : "crashed";
}

/** `undefined` if there is no record, or only one that this version cannot read. */
export function readRecord(path: string): MachineRecord | undefined {
  try {
    // Machines of before other processors were known do not tell theirs.
    const record = { architecture: "amd64", ...JSON.parse(readFileSync(path, "utf8")) } as MachineRecord;
    return record.format === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the record as a whole: a reader sees the old or the new one. */
export function writeRecord(path: string, record: MachineRecord): void {
  nodeHost.write(path, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}
