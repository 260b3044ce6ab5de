import { setTimeout as after } from "node:timers/promises";

/**
 * Waits for what a machine or a cluster reaches in its own time, which on a slow host is three times that on a fast
 * one; throws the last failure. Between two looks it waits twice as long as the last one took, from one second to
 * three: a look is work for an emulated processor, which shall have time for what is waited for. A `pause` is another
 * way to wait between two looks.
 */
export async function eventually<T>(
  check: () => Promise<T>,
  seconds = 180,
  pause?: () => Promise<unknown>,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  let failure: unknown = new Error(`there was no answer within ${seconds} s`);
  const limit = after(seconds * 1000, undefined, { ref: false }).then(() => {
    throw failure;
  });
  for (;;) {
    const start = performance.now();
    try {
      return await Promise.race([check(), limit]);
    } catch (error) {
      failure = error;
      const now = performance.now();
      if (now >= end) throw error;
      const usual = () => after(Math.min(Math.max(1000, 2 * (now - start)), 3000, end - now));
      await Promise.race([(pause ?? usual)(), limit]);
    }
  }
}
