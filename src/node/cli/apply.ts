import type { Host } from "../../host/host.ts";
import { isAsSeen } from "../apply/seen.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os apply`: applies every step of the configuration that is not satisfied yet. k3s is restarted if it has to be,
 * unless `--no-restart` is given. A second run looks at the same files, and finds that there is nothing to do.
 */
export async function applyCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--no-restart"] });
  if (isAsSeen(host)) return 0;
  const { applyPending } = await import("../apply/apply-pending.ts");
  return applyPending(host, { restart: options["--no-restart"] === undefined });
}
