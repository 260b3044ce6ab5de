import { parentPort, Worker, workerData } from "node:worker_threads";
import { K3osError } from "../../src/errors.ts";
import { type Fuzzed, fuzz, type Seed } from "./fuzz.ts";

interface Work {
  readonly seeds: readonly Seed[];
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** One number: the input that is being read. */
  readonly current: SharedArrayBuffer;
}

/** An input that takes longer counts as a hang. */
const PATIENCE_MS = 10_000;

/**
 * Judges a range in a thread, so that an input that hangs can be reported and stopped. `bundle` is the program that
 * calls `work` when it runs in a thread.
 */
export function fuzzInThread(bundle: string, work: Omit<Work, "current">, signal: AbortSignal): Promise<Fuzzed> {
  const current = new SharedArrayBuffer(4);
  const at = new Int32Array(current);
  return new Promise((resolve, reject) => {
    const worker = new Worker(bundle, { workerData: { ...work, current } satisfies Work });
    let seen = -1;
    let since = Date.now();
    const end = (settle: () => void) => {
      clearInterval(watch);
      signal.removeEventListener("abort", stop);
      void worker.terminate();
      settle();
    };
    const watch = setInterval(() => {
      const now = Atomics.load(at, 0);
      if (now !== seen) [seen, since] = [now, Date.now()];
      else if (Date.now() - since > PATIENCE_MS) end(() => reject(hang(work.seed, now)));
    }, 500);
    const stop = () => end(() => reject(signal.reason));
    signal.addEventListener("abort", stop);
    worker.once("message", (result: Fuzzed) => end(() => resolve(result)));
    worker.once("error", (error) => end(() => reject(error)));
  });
}

function hang(seed: number, input: number): K3osError {
  return new K3osError("config", `Input ${input} of seed ${seed} is still being read after ${PATIENCE_MS / 1000} s.`, {
    hint: `See it with: ./k3os bench fuzz --seed ${seed} --show ${input}`,
  });
}

/** Judges the range that this thread was started with. */
export function work(): void {
  const { seeds, seed, from, to, current } = workerData as Work;
  const at = new Int32Array(current);
  parentPort?.postMessage(fuzz(seeds, { seed, from, to }, (input) => Atomics.store(at, 0, input)));
}
