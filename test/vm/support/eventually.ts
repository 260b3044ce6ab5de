import { vi } from "vitest";

/** Waits for what a machine or a cluster reaches in its own time; throws the last failure. */
export const eventually = <T>(check: () => Promise<T>, seconds = 90) =>
  vi.waitFor(check, { timeout: seconds * 1000, interval: 1000 });
