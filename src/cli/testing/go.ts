import { join } from "node:path";
import { findProject } from "../../build/project.ts";
import type { Io } from "../io.ts";
import type { Tally } from "./parts.ts";
import { runTool } from "./run.ts";

/** Shows a line per package, and what a failed test printed. `go test` vets what it tests. */
export async function goTest(io: Io): Promise<Tally> {
  const report = new GoReport((text) => io.stdout.write(text));
  const status = await runTool(["sh", "test.sh", "-json"], io, {
    cwd: join(findProject(), "kube"),
    env: { GOTOOLCHAIN: "local" },
    onLine: (line) => report.add(line),
  });
  return report.tally(status);
}

interface GoEvent {
  readonly Action?: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** Reads the events of `go test -json`. */
export class GoReport {
  readonly #write: (text: string) => void;
  readonly #output = new Map<string, string>();
  #passed = 0;
  #failed = 0;

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

  #addTest({ Action, Output }: GoEvent, key: string): void {
    if (Output !== undefined) this.#output.set(key, (this.#output.get(key) ?? "") + Output);
    if (Action === "pass") this.#passed++;
    if (Action === "fail") {
      this.#failed++;
      this.#write(this.#output.get(key) ?? "");
    }
    if (Action === "pass" || Action === "fail" || Action === "skip") this.#output.delete(key);
  }

  tally(status: number): Tally {
    return { passed: this.#passed, failed: status === 0 ? this.#failed : Math.max(1, this.#failed) };
  }
}

function parse(line: string): GoEvent | undefined {
  try {
    return JSON.parse(line) as GoEvent;
  } catch {
    return undefined;
  }
}
