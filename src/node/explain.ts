import { K3osError } from "../errors.ts";
import type { Host } from "../host/host.ts";

/** Tells on stderr what went wrong, and returns the exit status: 2 for a command line that was not understood, else 1. */
export function explain(host: Host, error: unknown): number {
  const known = error instanceof K3osError;
  const text = known ? error.message : `this is a bug: ${error}\n${error instanceof Error ? error.stack : ""}`;
  host.warn(`k3os: ${text}\n${known && error.hint ? `${error.hint}\n` : ""}`);
  return known && error.kind === "usage" ? 2 : 1;
}
