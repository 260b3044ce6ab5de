import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { FACTORY_RESET } from "../../image/disk.ts";
import { readFacts } from "../facts.ts";
import { STATE } from "../places.ts";
import { parseArguments } from "./arguments.ts";
import { isConfirmed } from "./confirm.ts";

/**
 * `k3os reset`: makes the next boot delete everything that this node keeps, and reboots. Images and
 * `/k3os/system/config.yaml` stay. The boot deletes it, so that no running program uses what is deleted.
 */
export async function resetCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--yes"] });
  if (readFacts(host).mode !== "local") {
    throw new K3osError("usage", "this node keeps nothing: it runs in memory", {
      hint: "Reboot it, and it is as new.",
    });
  }
  const warning =
    "Everything in /var, /home, /opt and /usr/local will be erased: the cluster's data, pods and their images.";
  const question = { warning, word: "reset", command: "k3os reset" };
  if (!options["--yes"] && !(await isConfirmed(host, question))) return 1;
  host.write(`${STATE}${FACTORY_RESET}`, "");
  await run(host, ["sync"]);
  await run(host, ["openrc-shutdown", "--reboot", "now"]);
  return 0;
}
