import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { findProject } from "../../build/project.ts";
import { nodeHost } from "../../host/node.ts";
import { ARCHITECTURE_NAMES } from "../../image/architecture.ts";
import { outputOf } from "../../process/run.ts";
import { findMachine, type Machine } from "../../vm/machine.ts";
import { commandFor } from "../../vm/name.ts";
import { type Io, printLine } from "../io.ts";
import { duration } from "../progress/format.ts";
import { withProgress } from "../progress/index.ts";
import { estimate, inOrder, type MachineTest, runScheduled, slowness, type Weights } from "./schedule.ts";
import { sum, type Tally } from "./tally.ts";
import { vitest } from "./vitest.ts";

export interface MachineRun {
  readonly tests: readonly MachineTest[];
  /** Leave the machines of a file that failed running, and tell how to reach them. */
  readonly keep: boolean;
  /** Seconds from the start of the command after which no file may still run, as far as can be told before. */
  readonly budgetSeconds?: number | undefined;
}

/**
 * Runs files of machine tests, each in its own process. Images are built before, with their progress shown. However a
 * file ends, its machines are removed, unless they are to be kept.
 */
export async function runMachineTests({ tests, keep, budgetSeconds }: MachineRun, io: Io): Promise<Tally> {
  const project = findProject();
  const { build } = await import("../../build/index.ts");
  // A test that has the name of a processor boots an image for that. Compiling takes longer than a test may.
  const others = ARCHITECTURE_NAMES.filter((architecture) => tests.some(({ name }) => name === architecture));
  await withProgress(io, false, async (progress) => {
    await build({ progress, signal: io.signal });
    for (const architecture of others) await build({ architecture, progress, signal: io.signal });
  });
  const weights = readWeights(project);
  const { results, finished, skipped } = await runScheduled(inOrder(tests, await commitOf(project, io.signal)), {
    weights,
    // The clock of `performance` begins with this process.
    secondsLeft: () => (budgetSeconds ?? Number.POSITIVE_INFINITY) - performance.now() / 1000,
    run: (test, alone) => runFile(test, { alone, keep }, io),
    signal: io.signal,
  });
  if (io.env.K3OS_WRITE_WEIGHTS) writeWeights(project, weights, finished);
  for (const { name, why } of skipped) {
    const reasons = {
      time: `would take about ${duration(estimate(name, weights, finished) * 1000)}`,
      host: `does not come to rest on a host that is ${slowness(weights, finished).toFixed(1)} times slower than usual`,
    };
    printLine(io, `skipped: ${name}, which ${reasons[why]}`);
  }
  return { ...sum(results), skipped: skipped.map(({ name }) => name) };
}

interface FileOptions {
  /** Show what it prints while it runs, not when it has ended. */
  readonly alone: boolean;
  readonly keep: boolean;
}

/**
 * Everything that the file makes is below its own temporary directory. So its machines are found even if its process
 * was killed.
 */
async function runFile({ name, file }: MachineTest, { alone, keep }: FileOptions, io: Io): Promise<Tally> {
  const scratch = mkdtempSync(join(tmpdir(), "k3os-test-"));
  let kept: readonly Machine[] = [];
  try {
    printLine(io, `-- ${name}`);
    const start = performance.now();
    const env = { TMPDIR: scratch, XDG_STATE_HOME: scratch, ...(keep ? { K3OS_TEST_KEEP: "1" } : {}) };
    const tally = await vitest({ project: "vm", file, reporter: "verbose", scratch, env, captured: !alone }, io);
    const seconds = (performance.now() - start) / 1000;
    if (!alone) printLine(io, `-- ${name} took ${duration(seconds * 1000)}`);
    if (keep && tally.failed > 0 && !io.signal.aborted)
      kept = machinesBelow(scratch).filter(({ state }) => state === "running");
    const inTests = (tally.times ?? []).reduce((total, test) => total + test.seconds, 0);
    return {
      ...tally,
      times: [
        ...(tally.times ?? []).map((test) => ({ ...test, name: `${name}: ${test.name}` })),
        { name: `${name}: starting and stopping its machines`, seconds: seconds - inTests },
      ],
      failures: (tally.failures ?? []).map((test) => `${name}: ${test}`),
      notes: kept.map((machine) => howToReach(machine, scratch)),
    };
  } finally {
    if (kept.length === 0) {
      await Promise.all(machinesBelow(scratch).map((machine) => machine.stop({ graceMs: 0 })));
      rmSync(scratch, { recursive: true, force: true });
    }
  }
}

/** Every machine whose record is somewhere below a directory. */
function machinesBelow(directory: string): Machine[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => basename(path) === "machine.json")
    .map((path) => dirname(join(directory, path)))
    .flatMap((machine) => findMachine(basename(machine), dirname(machine)) ?? []);
}

/**
 * Command lines that reach a machine of a test, whose home is `<state directory>/k3os/machines`, and remove all of it.
 */
export function howToReach({ name, paths }: Pick<Machine, "name" | "paths">, scratch: string): string {
  const state = dirname(dirname(dirname(paths.dir)));
  const command = (verb: string, ...rest: readonly string[]) =>
    `XDG_STATE_HOME=${state} ${commandFor(verb, name, ...rest)}`;
  return [
    `The machine "${name}" was left running:`,
    `  shell    ${command("ssh")}`,
    `  console  ${command("console")}`,
    `  log      ${command("logs")}`,
    `  remove   ${command("down", "--force", "--purge")}; rm -r ${scratch}`,
  ].join("\n");
}

/** The commit that is checked out; empty without git or a repository, as in an unpacked archive. */
async function commitOf(project: string, signal: AbortSignal): Promise<string> {
  const head = outputOf({ argv: ["git", "rev-parse", "HEAD"], cwd: project }, { signal });
  const { status, stdout } = await head.catch(() => ({ status: 1, stdout: "" }));
  signal.throwIfAborted();
  return status === 0 ? stdout.trim() : "";
}

const weightsFile = (project: string) => join(project, "test/vm/weights.json");

function readWeights(project: string): Weights {
  return JSON.parse(readFileSync(weightsFile(project), "utf8")) as Weights;
}

/** Replaces the weights of the files that ran, and forgets those of files that are gone. */
function writeWeights(project: string, weights: Weights, finished: ReadonlyMap<string, number>): void {
  const measured = Object.fromEntries([...finished].map(([name, seconds]) => [name, Math.round(seconds)]));
  const names = readdirSync(join(project, "test/vm"), { recursive: true, encoding: "utf8" }).map((path) =>
    basename(path),
  );
  const rows = Object.entries({ ...weights, ...measured }).filter(([name]) => names.includes(`${name}.test.ts`));
  const sorted = Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
  nodeHost.write(weightsFile(project), `${JSON.stringify(sorted, undefined, 2)}\n`);
}
