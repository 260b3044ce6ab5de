import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Io } from "../io.ts";
import { withProgress } from "../progress/index.ts";
import { runTool } from "./run.ts";
import type { Tally } from "./tally.ts";

export const vitestUnit = (io: Io): Promise<Tally> => wholeProject("unit", io);

/** Tests against a server of Kubernetes that runs on this host, without a machine. */
export async function vitestApi(io: Io): Promise<Tally> {
  if (process.getuid?.() !== 0) {
    const notes = ["The tests of the API were skipped: k3s runs only as root."];
    return { passed: 0, failed: 0, skipped: ["api"], notes };
  }
  // The tests look for it again: what takes long is to be seen.
  const { kubernetesTree } = await import("../../build/index.ts");
  await withProgress(io, false, (progress) => kubernetesTree({ progress, signal: io.signal }));
  return wholeProject("api", io);
}

async function wholeProject(project: "unit" | "api", io: Io): Promise<Tally> {
  const scratch = mkdtempSync(join(tmpdir(), "k3os-test-"));
  try {
    return await vitest({ project, reporter: "default", scratch }, io);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export interface VitestOptions {
  readonly project: "unit" | "api" | "vm";
  /** A single file; the whole project if not given. */
  readonly file?: string;
  readonly reporter: "default" | "verbose";
  /** An existing directory, for the report. */
  readonly scratch: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Show the output in one piece at the end. */
  readonly captured?: boolean;
}

/** Runs tests in their own process. */
export async function vitest(options: VitestOptions, io: Io): Promise<Tally> {
  const { project, file, reporter, scratch, env = {}, captured = false } = options;
  const report = join(scratch, "report.json");
  const reporters = [`--reporter=${reporter}`, "--reporter=json", `--outputFile.json=${report}`];
  const argv = ["vitest", "run", "--project", project, ...reporters, ...(file === undefined ? [] : [file])];
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(`${line}\n`);
  const status = await runTool(argv, io, { env, ...(captured ? { onLine, onErrorLine: onLine } : {}) });
  io.stdout.write(lines.join(""));
  return tallyOf(readReport(report), status);
}

interface Report {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number | null;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return {};
  }
}

/** A run can fail without a failed test: a file cannot be loaded, or a hook throws. */
export function tallyOf({ numPassedTests = 0, numFailedTests = 0, testResults = [] }: Report, status: number): Tally {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failures = testResults.flatMap(({ name, status, assertionResults }) => {
    const failed = assertionResults
      .filter((test) => test.status === "failed")
      .map(({ fullName, failureMessages: [why = ""] = [] }) => `${fullName}: ${why.split("\n", 1)[0]}`);
    return failed.length === 0 && status === "failed" ? [`${basename(name)}: the file itself`] : failed;
  });
  return {
    passed: numPassedTests,
    failed: status === 0 ? numFailedTests : Math.max(1, numFailedTests),
    times: tests.map(({ fullName, duration }) => ({ name: fullName, seconds: (duration ?? 0) / 1000 })),
    failures,
  };
}
