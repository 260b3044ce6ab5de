import { K3osError } from "../../errors.ts";
import { type Io, printLine } from "../io.ts";
import { duration } from "../progress/format.ts";
import { ExitWith } from "../report.ts";
import { goTest } from "./go.ts";
import { type MachineRun, runMachineTests } from "./machine-tests.ts";
import { check } from "./run.ts";
import type { PartName } from "./select.ts";
import { lastLine, slowest, sum, type Tally } from "./tally.ts";
import { vitestApi, vitestUnit } from "./vitest.ts";

/** One after the other: each may use all processors. */
export type Part = readonly Step[];

export interface Step {
  readonly title: string;
  readonly run: (io: Io) => Promise<Tally>;
}

/** The parts of those names. Machine tests are one, of the matrix or not: a budget is for all of them together. */
export function partsOf(names: readonly PartName[], machines: MachineRun): readonly Part[] {
  const vm: Part = [{ title: "machine tests", run: (io) => runMachineTests(machines, io) }];
  const parts: { readonly [Name in PartName]: Part } = {
    unit: [
      { title: "types", run: (io) => check(["tsc", "--noEmit"], io) },
      { title: "lint", run: (io) => check(["biome", "check", "--error-on-warnings"], io) },
      { title: "unit tests", run: vitestUnit },
    ],
    kube: [{ title: "go test", run: goTest }],
    api: [{ title: "tests of the API", run: vitestApi }],
    vm,
    matrix: vm,
  };
  return [...new Set(names.map((name) => parts[name]))];
}

/**
 * Runs all parts, even if some fail. Prints the slowest tests, those that failed, a table, and the sum as last line.
 */
export async function runParts(selected: readonly Part[], io: Io): Promise<void> {
  const rows: (Tally & { title: string; time: string })[] = [];
  for (const { title, run } of selected.flat()) {
    io.signal.throwIfAborted();
    printLine(io, `\n== ${title}`);
    const start = performance.now();
    const tally = await run(io).catch((error: unknown) => failure(error, io));
    rows.push({ title, ...tally, time: duration(performance.now() - start) });
  }
  io.signal.throwIfAborted();
  const total = sum(rows);
  const slow = slowest(total.times);
  if (slow.length > 0) printLine(io, `\nWhat took longest:\n${slow.join("\n")}`);
  if (total.failures.length > 0)
    printLine(io, `\nWhat failed:\n${total.failures.map((name) => `  ${name}`).join("\n")}`);
  for (const note of total.notes) printLine(io, `\n${note}`);
  printLine(io, "");
  for (const row of rows) printLine(io, rowOf(row));
  printLine(io, lastLine(total));
  if (total.failed > 0) throw new ExitWith(1);
}

function rowOf({ title, passed, failed, skipped = [], time }: Tally & { title: string; time: string }): string {
  const counts = `${title.padEnd(14)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed`;
  return `${counts}   ${time}${skipped.length === 0 ? "" : `, skipped: ${skipped.join(", ")}`}`;
}

/**
 * An error that keeps a step from running, such as a missing program, counts as one failure. The other steps still run.
 */
function failure(error: unknown, io: Io): Tally {
  if (!(error instanceof K3osError)) throw error;
  printLine(io, [error.message, error.hint].filter(Boolean).join("\n  "));
  return { passed: 0, failed: 1 };
}
