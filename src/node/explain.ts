import { K3osError } from "../errors.ts";
import { type Host, HostError, type HostErrorCode } from "../host/host.ts";

/** Errors that are the machine's fault and not the caller's. */
const FULL_OR_BROKEN: readonly HostErrorCode[] = ["ENOSPC", "EIO", "EROFS"];

/** Prints on stderr what went wrong and returns the exit status: 2 for a usage error, else 1. */
export function explain(host: Host, error: unknown): number {
  if (error instanceof HostError && error.code === "EACCES") {
    host.warn(`k3os: ${error.path} is for root only\nTry it with sudo.\n`);
    return 1;
  }
  if (error instanceof HostError && FULL_OR_BROKEN.includes(error.code)) {
    host.warn(`k3os: ${error.message}\nIs the disk or the memory full, or the disk broken? dmesg and df tell more.\n`);
    return 1;
  }
  const known = error instanceof K3osError;
  const text = known ? error.message : `this is a bug: ${error}\n${error instanceof Error ? error.stack : ""}`;
  host.warn(`k3os: ${text}\n${known && error.hint ? `${error.hint}\n` : ""}`);
  return known && error.kind === "usage" ? 2 : 1;
}
