import { K3osError } from "../errors.ts";
import { HostError } from "../host/host.ts";

/** A part of the node's work that failed. The other parts were done nevertheless. */
export interface Failure {
  /** What should have been done, without secrets. */
  readonly step: string;
  readonly reason: string;
  /** Set for a stage of the boot. Nothing repeats it before the next boot. */
  readonly boot?: true;
}

/** Takes a failure that affects only a part of the work. */
export type OnFailure = (error: unknown) => void;

/** An `OnFailure` for callers that stop at the first failure. */
export function rethrow(error: unknown): never {
  throw error;
}

/** The message of something that was thrown, for people. Unexpected errors keep their type. */
export function reasonOf(error: unknown): string {
  return error instanceof K3osError || error instanceof HostError ? error.message : String(error);
}

/** Starts all tasks in order and waits for all of them. Then throws every failure as one error. */
export async function doAll(tasks: readonly (() => unknown)[]): Promise<void> {
  const results = await Promise.allSettled(tasks.map(async (task) => task()));
  throwAll(results.flatMap((result) => (result.status === "rejected" ? [result.reason] : [])));
}

/** Throws several errors as one, if there are any. */
export function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new K3osError("host", errors.map(reasonOf).join("; "));
}
