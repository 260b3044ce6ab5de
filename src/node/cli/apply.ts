import type { Host } from "../../host/host.ts";
import { isAsSeen } from "../apply/seen.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os apply`: applies every step of the configuration that is not satisfied yet. Restarts k3s if it must be
 * restarted, unless `--no-restart` is given. A second run only compares the same files again and finds nothing to do.
 */
export async function applyCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--no-restart"] });
  if (isAsSeen(host)) return 0;
  const { applyPending } = await import("../apply/apply-pending.ts");
  return applyPending(host, { restart: options["--no-restart"] === undefined });
}
