import type { Host } from "../../host/host.ts";
import { isAsSeen } from "../apply/seen.ts";
import { parseArguments } from "./arguments.ts";

/** `k3os apply`: whatever of the configuration is not so yet. A second run finds out by a look at the same files that there is nothing. */
export async function applyCommand(host: Host, args: readonly string[]): Promise<number> {
  parseArguments(args, {});
  if (isAsSeen(host)) return 0;
  return (await import("../apply/apply-pending.ts")).applyPending(host);
}
