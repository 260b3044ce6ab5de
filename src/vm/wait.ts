import { setTimeout as sleepFor } from "node:timers/promises";

/** Sleeps; an aborted signal ends it at once with the signal's reason. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await sleepFor(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

export interface PollOptions {
  readonly timeoutMs: number;
  /** Between an answer and the next question; as long as the answer took, if that was longer. */
  readonly everyMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks until there is an answer; `undefined` on a timeout. Always asks at least once. Who answers slowly is asked
 * rarely, because answering is work, too.
 */
export async function poll<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  options: PollOptions,
): Promise<T | undefined> {
  const end = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const start = performance.now();
    const answer = await ask();
    if (answer !== undefined) return answer;
    const now = performance.now();
    if (now >= end) return undefined;
    await sleep(Math.min(Math.max(options.everyMs, now - start), end - now), options.signal);
  }
}
