import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { endPods, notePods } from "../pods/pods.ts";
import { parseArguments } from "./arguments.ts";

/** `k3os pods`, for the shutdown only: `--note` before k3s stops, `--end` after that. */
export async function podsCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--note", "--end"] });
  if (options["--note"]) await notePods(host);
  else if (options["--end"]) await endPods(host);
  else throw new K3osError("usage", "say --note or --end", { hint: "The services k3s and finish call this command." });
  return 0;
}
