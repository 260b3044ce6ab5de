/** Runs specs of the suite against a machine. */
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { K3osError } from "../../src/errors.ts";
import { show } from "../../src/process/run.ts";
import type { Explained } from "./explained.ts";
import { type Result, readReport } from "./report.ts";
import { focusOn } from "./select.ts";
import type { Suite } from "./suite.ts";

/** What the suite runs against. */
export interface Target {
  readonly kubeconfig: string;
  /** The k3s binary, which is kubectl if it is called so. */
  readonly k3s: string;
}

export interface RunOptions {
  /** The order of the specs. */
  readonly seed: number;
  /** Failures that are none of the node's. */
  readonly explained?: readonly Explained[];
  /** A file for what the suite itself prints. */
  readonly log?: string;
  readonly signal?: AbortSignal;
  /** Called after each spec with the number of those that have ended, and of those that failed. */
  readonly onSpec?: (ended: number, failed: number) => void;
}

const KEPT = "With --log FILE, all that it prints is kept.";

/** Runs them one after the other. A failed spec is a result; what keeps the suite from running is an error. */
export async function runSpecs(
  target: Target,
  suite: Pick<Suite, "program">,
  specs: readonly string[],
  options: RunOptions,
): Promise<Result[]> {
  const work = mkdtempSync(join(tmpdir(), "k3os-conformance-"));
  const log = createWriteStream(options.log ?? join(work, "log"));
  // The first is thrown once the suite has ended.
  const failures: Error[] = [];
  log.on("error", (error) => failures.push(error));
  try {
    const report = join(work, "report.json");
    const progress = new Progress();
    const last: string[] = [];
    const status = await show(
      { argv: [suite.program, ...suiteArguments(target, specs, work, report, options.seed)], cwd: work },
      {
        signal: options.signal,
        onLine(line) {
          log.write(`${line}\n`);
          if (progress.add(line)) options.onSpec?.(progress.ended, progress.failed);
        },
        onErrorLine(line) {
          log.write(`${line}\n`);
          if (last.push(line) > 5) last.shift();
        },
      },
    );
    options.signal?.throwIfAborted();
    if (failures[0] !== undefined) throw failures[0];
    if (existsSync(report)) {
      const results = readReport(readFileSync(report, "utf8"), specs, options.explained ?? []);
      if (status === 0 || results.some(({ state }) => state === "failed")) return results;
      throw new K3osError("machine", `The suite ended with status ${status}, and no spec failed: ${last.join("\n")}`, {
        hint: KEPT,
      });
    }
    throw new K3osError("machine", `The suite ended with status ${status} and no report: ${last.join("\n")}`, {
      hint: KEPT,
    });
  } finally {
    log.end();
    if (failures.length === 0) await finished(log);
    rmSync(work, { recursive: true, force: true });
  }
}

function suiteArguments(
  { kubeconfig, k3s }: Target,
  specs: readonly string[],
  work: string,
  report: string,
  seed: number,
): string[] {
  const kubectl = join(work, "kubectl");
  symlinkSync(k3s, kubectl);
  return [
    ...[`--kubeconfig=${kubeconfig}`, `--kubectl-path=${kubectl}`, "--provider=local"],
    ...["--node-os-distro=custom", "--repo-root=", `--e2e-output-dir=${work}`],
    ...[`--ginkgo.focus=${focusOn(specs)}`, `--ginkgo.seed=${seed}`, `--ginkgo.json-report=${report}`],
    ...["--ginkgo.timeout=24h", "--ginkgo.v", "--ginkgo.no-color", "--ginkgo.silence-skips"],
  ];
}

/** Counts specs by what ginkgo prints at the end of each. */
export class Progress {
  ended = 0;
  failed = 0;

  /** Whether a spec has ended with that line. */
  add(line: string): boolean {
    if (!/^(• |S )\[/.test(line)) return false;
    this.ended += 1;
    // `• [FAILED] [12.345 seconds]`, and others of its kind.
    if (/^• \[[A-Z]/.test(line)) this.failed += 1;
    return true;
  }
}
