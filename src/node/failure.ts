import { K3osError } from "../errors.ts";
import { HostError } from "../host/host.ts";

/** A part of the node's work that did not succeed. The other parts were done all the same. */
export interface Failure {
  /** What was to be done, without secrets. */
  readonly step: string;
  readonly reason: string;
  /** Set for a stage of the boot, which nothing repeats before the next boot. */
  readonly boot?: true;
}

/** Takes a failure that costs only a part of the work. */
export type OnFailure = (error: unknown) => void;

/** For callers who do not go on after a failure. */
export function rethrow(error: unknown): never {
  throw error;
}

/** The sentence to tell people about something that was thrown. Errors that nobody expected keep their type. */
export function reasonOf(error: unknown): string {
  return error instanceof K3osError || error instanceof HostError ? error.message : String(error);
}

/** Starts all tasks in their order, whatever fails, and waits for them. Throws afterwards what failed, as one error. */
export async function doAll(tasks: readonly (() => unknown)[]): Promise<void> {
  const results = await Promise.allSettled(tasks.map(async (task) => task()));
  throwAll(results.flatMap((result) => (result.status === "rejected" ? [result.reason] : [])));
}

/** Throws several errors as one, if there are any. */
export function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new K3osError("host", errors.map(reasonOf).join("; "));
}
