import { join } from "node:path";
import { findProject } from "../../build/project.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress/index.ts";
import { runTool } from "./run.ts";
import type { Tally, Timed } from "./tally.ts";

/** Shows a line per package, and what a failed test printed. `go test` vets what it tests. */
export async function goTest(io: Io): Promise<Tally> {
  const { goCompiler } = await import("../../build/index.ts");
  const { env } = await withProgress(io, false, (progress) => goCompiler({ progress, signal: io.signal }));
  const report = new GoReport((text) => io.stdout.write(text));
  const status = await runTool(["sh", "test.sh", "-json"], io, {
    cwd: join(findProject(), "kube"),
    env,
    onLine: (line) => report.add(line),
  });
  return report.tally(status);
}

interface GoEvent {
  readonly Action?: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
  /** Seconds. */
  readonly Elapsed?: number;
}

/** Reads the events of `go test -json`. */
export class GoReport {
  readonly #write: (text: string) => void;
  readonly #output = new Map<string, string>();
  #passed = 0;
  #failed = 0;
  readonly #times: Timed[] = [];
  readonly #failures: string[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: string): void {
    const event = parse(line);
    if (event === undefined)
      this.#write(`${line}\n`); // what the compiler says
    else if (event.Test === undefined) this.#addPackage(event);
    else this.#addTest(event, `${event.Package} ${event.Test}`);
  }

  /** Of a package's own output only the result, or why it cannot be built, is of interest. */
  #addPackage({ Output = "" }: GoEvent): void {
    if (/^(ok|FAIL|\?|panic|#)|:\d+:/.test(Output)) this.#write(Output);
  }

  #addTest({ Action, Output, Elapsed, Test = "" }: GoEvent, key: string): void {
    // A test's time has that of its subtests in it.
    if (Elapsed !== undefined && !Test.includes("/")) this.#times.push({ name: key, seconds: Elapsed });
    if (Output !== undefined) this.#output.set(key, (this.#output.get(key) ?? "") + Output);
    if (Action === "pass") this.#passed++;
    if (Action === "fail") {
      this.#failed++;
      this.#failures.push(key);
      this.#write(this.#output.get(key) ?? "");
    }
    if (Action === "pass" || Action === "fail" || Action === "skip") this.#output.delete(key);
  }

  tally(status: number): Tally {
    const failed = status === 0 ? this.#failed : Math.max(1, this.#failed);
    return { passed: this.#passed, failed, times: this.#times, failures: this.#failures };
  }
}

function parse(line: string): GoEvent | undefined {
  try {
    return JSON.parse(line) as GoEvent;
  } catch {
    return undefined;
  }
}
