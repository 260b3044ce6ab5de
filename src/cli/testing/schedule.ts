import { createHash } from "node:crypto";

/**
 * The folder of `test/vm` that a file of machine tests is in. `boots`: machines with one processor that are not
 * expected to become Ready. `trials`: the same, but they wait for deadlines and watchdogs most of the time. `nodes`:
 * machines whose Kubernetes becomes Ready, which uses all processors.
 */
export type Group = "boots" | "trials" | "nodes";

/** How many files of a group run side by side, and which groups do: those of the same stage. */
export const LANES: { readonly [G in Group]: { readonly lanes: number; readonly stage: "short" | "ready" } } = {
  boots: { lanes: 2, stage: "short" },
  trials: { lanes: 2, stage: "short" },
  nodes: { lanes: 1, stage: "ready" },
};

export const GROUPS = Object.keys(LANES) as Group[];

/** Files of several groups that run at the same time: a list for each group, none of them empty. */
export type Stage = readonly (readonly MachineTest[])[];

/** A file of machine tests. */
export interface MachineTest {
  /** Its file name without `.test.ts`. */
  readonly name: string;
  readonly group: Group;
  /** Its path in the repository. */
  readonly file: string;
}

/** Seconds that a file of machine tests takes, by name, all measured on one host. Only their ratios count. */
export type Weights = Readonly<Record<string, number>>;

/**
 * The order in which files run: stage by stage, each group of it starting at a place that depends on the commit. So if
 * a budget ends before the last file, another commit skips other files.
 */
export function inOrder(tests: readonly MachineTest[], commit: string): readonly Stage[] {
  const stages = [...new Set(GROUPS.map((group) => LANES[group].stage))].map((stage) =>
    GROUPS.filter((group) => LANES[group].stage === stage)
      .map((group) => {
        const files = tests.filter((test) => test.group === group).sort((a, b) => (a.name < b.name ? -1 : 1));
        return rotate(files, `${group} ${commit}`);
      })
      .filter((files) => files.length > 0),
  );
  return rotate(stages, commit).filter((stage) => stage.length > 0);
}

function rotate<T>(list: readonly T[], by: string): T[] {
  const start = createHash("sha256").update(by).digest().readUInt32BE() % Math.max(1, list.length);
  return [...list.slice(start), ...list.slice(0, start)];
}

/**
 * How many seconds a file will take on this host: its weight, scaled by how long those that have finished took against
 * their own weights. A file without a weight counts as the average of those with one.
 */
export function estimate(name: string, weights: Weights, finished: ReadonlyMap<string, number>): number {
  const known = Object.values(weights);
  const average = known.length === 0 ? 1 : add(known) / known.length;
  const weightOf = (file: string) => weights[file] ?? average;
  const scale = finished.size === 0 ? 1 : add([...finished.values()]) / add([...finished.keys()].map(weightOf));
  return weightOf(name) * scale;
}

function add(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export interface ScheduleOptions<T> {
  readonly weights: Weights;
  /** Seconds until everything has to be done; `Infinity` without a budget. */
  readonly secondsLeft: () => number;
  /** Runs one file to its end. `alone` is false when another one may run beside it. */
  readonly run: (test: MachineTest, alone: boolean) => Promise<T>;
  readonly signal: AbortSignal;
  /** Seconds of any clock. */
  readonly now?: () => number;
}

export interface Schedule<T> {
  readonly results: readonly T[];
  /** Seconds of each file that ran. */
  readonly finished: ReadonlyMap<string, number>;
  /** Names of files that would not have finished in time, in order. */
  readonly skipped: readonly string[];
}

/**
 * Runs the files of each stage, as many of a group side by side as it has lanes. Skips a file if too little time is
 * left.
 */
export async function runScheduled<T>(
  stages: readonly Stage[],
  { weights, secondsLeft, run, signal, now = () => performance.now() / 1000 }: ScheduleOptions<T>,
): Promise<Schedule<T>> {
  const results: T[] = [];
  const finished = new Map<string, number>();
  const skipped: string[] = [];
  for (const stage of stages) {
    const queues = stage.map((files) => [...files]);
    const lanes = queues.flatMap((queue) => {
      const width = Math.min(queue.length, LANES[queue[0]?.group ?? "nodes"].lanes);
      return Array.from({ length: width }, () => queue);
    });
    const runQueue = async (queue: MachineTest[]) => {
      for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
        signal.throwIfAborted();
        if (estimate(test.name, weights, finished) > secondsLeft()) {
          skipped.push(test.name);
          continue;
        }
        const start = now();
        results.push(await run(test, lanes.length === 1));
        finished.set(test.name, now() - start);
      }
    };
    const runLane = (queue: MachineTest[]) =>
      runQueue(queue).catch((error: unknown) => {
        for (const other of queues) other.length = 0; // the other lanes end with their present file
        throw error;
      });
    // Waits until all lanes have ended before it throws, so that nothing runs on in the background.
    const ends = await Promise.allSettled(lanes.map(runLane));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
  return { results, finished, skipped };
}
