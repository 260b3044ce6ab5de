import { K3osError } from "../../errors.ts";
import { type Io, printLine } from "../io.ts";
import { duration } from "../progress/format.ts";
import { Told } from "../report.ts";
import { goTest } from "./go.ts";
import { check } from "./run.ts";
import { vitestMachines, vitestUnit } from "./vitest.ts";

/** How many tests of something passed and failed; a check is one test. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

export interface Part {
  readonly name: "unit" | "kube" | "vm";
  /** One after the other: each may use all processors. */
  readonly steps: readonly { readonly title: string; readonly run: (io: Io) => Promise<Tally> }[];
}

const parts: readonly Part[] = [
  {
    name: "unit",
    steps: [
      { title: "types", run: (io) => check(["tsc", "--noEmit"], io) },
      { title: "lint", run: (io) => check(["biome", "check", "--error-on-warnings"], io) },
      { title: "unit tests", run: vitestUnit },
    ],
  },
  {
    name: "kube",
    steps: [{ title: "go test", run: goTest }],
  },
  { name: "vm", steps: [{ title: "machine tests", run: vitestMachines }] },
];

export const partNames = parts.map(({ name }) => name);

/** The parts of those names in their own order; all if there are none. */
export function selectParts(names: readonly Part["name"][]): readonly Part[] {
  return names.length === 0 ? parts : parts.filter(({ name }) => names.includes(name));
}

/** Runs everything, whatever fails, and prints a table and as the last line the sum. */
export async function runParts(selected: readonly Part[], io: Io): Promise<void> {
  const rows: (Tally & { title: string; time: string })[] = [];
  for (const { title, run } of selected.flatMap(({ steps }) => steps)) {
    io.signal.throwIfAborted();
    printLine(io, `\n== ${title}`);
    const start = performance.now();
    const tally = await run(io).catch((error: unknown) => failure(error, io));
    rows.push({ title, ...tally, time: duration(performance.now() - start) });
  }
  io.signal.throwIfAborted();
  printLine(io, "");
  for (const { title, passed, failed, time } of rows) {
    printLine(
      io,
      `${title.padEnd(14)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed   ${time}`,
    );
  }
  const sum = (key: keyof Tally) => rows.reduce((total, row) => total + row[key], 0);
  printLine(io, `${sum("passed")} passed, ${sum("failed")} failed`);
  if (sum("failed") > 0) throw new Told(1);
}

/** What keeps a step from running, such as a missing program, counts as a failure and does not hide the other steps. */
function failure(error: unknown, io: Io): Tally {
  if (!(error instanceof K3osError)) throw error;
  printLine(io, [error.message, error.hint].filter(Boolean).join("\n  "));
  return { passed: 0, failed: 1 };
}
