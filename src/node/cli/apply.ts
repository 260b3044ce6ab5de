import type { Host } from "../../host/host.ts";
import { isAsSeen } from "../apply/seen.ts";
import { parseArguments } from "./arguments.ts";

/**
 * `k3os apply`: whatever of the configuration is not so yet; k3s is restarted if it has to be, unless `--no-restart` is said. A second
 * run finds out by a look at the same files that there is nothing to do.
 */
export async function applyCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--no-restart"] });
  if (isAsSeen(host)) return 0;
  const { applyPending } = await import("../apply/apply-pending.ts");
  return applyPending(host, { restart: options["--no-restart"] === undefined });
}
