import { createHash } from "node:crypto";

/**
 * The folder of `test/vm` that a file of machine tests is in. `boots`: machines with one processor that are not
 * expected to become Ready. `trials`: the same, but they wait for deadlines and watchdogs most of the time. `nodes`:
 * machines whose Kubernetes becomes Ready, which uses all processors. `clusters`: the same with several servers, which
 * have work even when they are idle. `matrix`: one thing on other hardware, firmware or media, or with another fault,
 * which runs only when it is asked for.
 */
export type Group = "boots" | "trials" | "nodes" | "clusters" | "matrix";

/** What runs first or last, depending on the commit. */
const USUAL_STAGES = ["short", "ready"] as const;
type StageName = (typeof USUAL_STAGES)[number] | "several" | "matrix";

interface Lanes {
  /** How many files of the group run side by side. */
  readonly lanes: number;
  /** Groups of the same stage run side by side. */
  readonly stage: StageName;
  /** How many times slower than that of the weights a host may be; `Infinity` if that is a matter of patience. */
  readonly slowest: number;
}

export const LANES: { readonly [G in Group]: Lanes } = {
  boots: { lanes: 2, stage: "short", slowest: Number.POSITIVE_INFINITY },
  trials: { lanes: 2, stage: "short", slowest: Number.POSITIVE_INFINITY },
  nodes: { lanes: 1, stage: "ready", slowest: Number.POSITIVE_INFINITY },
  // On a host 3.6 times slower, three idle servers took three quarters of its two processors, and mended too late.
  clusters: { lanes: 1, stage: "several", slowest: 2.5 },
  matrix: { lanes: 1, stage: "matrix", slowest: Number.POSITIVE_INFINITY },
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

/** Seconds that a file of machine tests takes, by name, all measured on one host, which others are compared with. */
export type Weights = Readonly<Record<string, number>>;

/**
 * The order in which files run: stage by stage, each group of it starting at a place that depends on the commit. So if
 * a budget ends before the last file, another commit skips other files. The matrix is last; several servers come when
 * others have shown how fast the host is.
 */
export function inOrder(tests: readonly MachineTest[], commit: string): readonly Stage[] {
  const filesOf = (group: Group) => {
    const files = tests.filter((test) => test.group === group).sort((a, b) => (a.name < b.name ? -1 : 1));
    return rotate(files, `${group} ${commit}`);
  };
  const usual = rotate(USUAL_STAGES, commit);
  const names: readonly StageName[] = [...usual.slice(0, 1), "several", ...usual.slice(1), "matrix"];
  return names
    .map((name) => GROUPS.filter((group) => LANES[group].stage === name).map(filesOf))
    .map((stage) => stage.filter((files) => files.length > 0))
    .filter((stage) => stage.length > 0);
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
  return weightOf(name, weights) * slowness(weights, finished);
}

/** How many times longer the files that have finished took than their weights say; 1 if none has. */
export function slowness(weights: Weights, finished: ReadonlyMap<string, number>): number {
  if (finished.size === 0) return 1;
  return add([...finished.values()]) / add([...finished.keys()].map((file) => weightOf(file, weights)));
}

function weightOf(file: string, weights: Weights): number {
  const known = Object.values(weights);
  const average = known.length === 0 ? 1 : add(known) / known.length;
  return weights[file] ?? average;
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
  /** Files that did not run, in order. */
  readonly skipped: readonly Skipped[];
}

/** A file that did not run: it would not have finished in time, or the host is slower than its group may have it. */
export interface Skipped {
  readonly name: string;
  readonly why: "time" | "host";
}

/**
 * Runs the files of each stage, as many of a group side by side as it has lanes. Skips a file if too little time is
 * left, or the host is too slow for its group.
 */
export async function runScheduled<T>(
  stages: readonly Stage[],
  { weights, secondsLeft, run, signal, now = () => performance.now() / 1000 }: ScheduleOptions<T>,
): Promise<Schedule<T>> {
  const results: T[] = [];
  const finished = new Map<string, number>();
  const skipped: Skipped[] = [];
  const whyNot = ({ name, group }: MachineTest): Skipped["why"] | undefined => {
    if (slowness(weights, finished) > LANES[group].slowest) return "host";
    return estimate(name, weights, finished) > secondsLeft() ? "time" : undefined;
  };
  for (const stage of stages) {
    const queues = stage.map((files) => [...files]);
    const lanes = queues.flatMap((queue) => {
      const width = Math.min(queue.length, LANES[queue[0]?.group ?? "nodes"].lanes);
      return Array.from({ length: width }, () => queue);
    });
    const runQueue = async (queue: MachineTest[]) => {
      for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
        signal.throwIfAborted();
        const why = whyNot(test);
        if (why !== undefined) {
          skipped.push({ name: test.name, why });
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
