/** Test support: notes of machines that nobody has started. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { machinePaths, machinesDir } from "../../vm/paths.ts";
import { identify } from "../../vm/process.ts";
import { type MachineRecord, writeRecord } from "../../vm/record.ts";

/** Gives each test a place of its own for machines. */
export function useNoMachines(): void {
  let state: string;
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "k3os-plan-"));
    vi.stubEnv("XDG_STATE_HOME", state);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(state, { recursive: true });
  });
}

/** As if a noted machine had a disk of its own. */
export function noteDisk(name: string): void {
  writeFileSync(machinePaths(machinesDir(), name).disk, "");
}

/** Notes a machine; one that runs is this process. */
export function noteMachine(name: string, more: Partial<MachineRecord> & { readonly runs?: boolean } = {}): void {
  const { runs = false, ...record } = more;
  const own = identify(process.pid);
  if (own === undefined) throw new Error("this process cannot be told from others");
  mkdirSync(join(machinesDir(), name), { recursive: true });
  writeRecord(join(machinesDir(), name, "machine.json"), {
    ...{
      format: 1,
      name,
      architecture: "amd64",
      phase: runs ? "ready" : "stopped",
      process: runs ? own : { ...own, pid: 999_999_999 },
    },
    ...{ started: new Date().toISOString(), boot: { kind: "disk", firmware: "bios" }, toolsRoot: "/", accel: "tcg" },
    ...{ memoryMiB: 1024, cpus: 1, ports: { ssh: 1, api: 2 }, ...record },
  });
}
