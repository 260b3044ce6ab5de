import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMachine, machineNames } from "../../vm/machine.ts";
import { machinesDir } from "../../vm/paths.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress/index.ts";
import type { Tally } from "./parts.ts";
import { runTool } from "./run.ts";

export function vitestUnit(io: Io): Promise<Tally> {
  return inScratch((scratch) => vitest("unit", "default", scratch, io));
}

/**
 * Tests on booted machines. The image is built before, with its progress shown. Machines live in a place of their own, and
 * none outlives the tests, however these end.
 */
export async function vitestMachines(io: Io): Promise<Tally> {
  const { build } = await import("../../build/index.ts");
  await withProgress(io, false, (progress) => build({ progress, signal: io.signal }));
  return inScratch(async (scratch) => {
    const env = { XDG_STATE_HOME: scratch };
    try {
      return await vitest("vm", "verbose", scratch, io, env);
    } finally {
      await stopAll(machinesDir(env));
    }
  });
}

async function stopAll(home: string): Promise<void> {
  await Promise.all(machineNames(home).map((name) => findMachine(name, home)?.stop({ graceMs: 0 })));
}

async function inScratch<T>(work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), "k3os-test-"));
  try {
    return await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function vitest(
  project: string,
  reporter: string,
  scratch: string,
  io: Io,
  env: Record<string, string> = {},
): Promise<Tally> {
  const report = join(scratch, "report.json");
  const reporters = [`--reporter=${reporter}`, "--reporter=json", `--outputFile.json=${report}`];
  const status = await runTool(["vitest", "run", "--project", project, ...reporters], io, { env });
  return tallyOf(readReport(report), status);
}

interface Report {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
}

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return {};
  }
}

/** A run can fail without a failed test: a file that cannot be loaded, a hook that throws. */
export function tallyOf({ numPassedTests = 0, numFailedTests = 0 }: Report, status: number): Tally {
  return { passed: numPassedTests, failed: status === 0 ? numFailedTests : Math.max(1, numFailedTests) };
}
