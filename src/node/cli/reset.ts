import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { FACTORY_RESET } from "../../image/disk.ts";
import { readFacts } from "../facts.ts";
import { STATE } from "../places.ts";
import { parseArguments } from "./arguments.ts";

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
  if (!options["--yes"] && !(await confirmed(host))) {
    host.warn("Nothing was changed.\n");
    return 1;
  }
  host.write(`${STATE}${FACTORY_RESET}`, "");
  await run(host, ["sync"]);
  await run(host, ["openrc-shutdown", "--reboot", "now"]);
  return 0;
}

async function confirmed(host: Host): Promise<boolean> {
  const terminal = await host.exec(["test", "-t", "0"]);
  if (terminal.status !== 0) {
    throw new K3osError("usage", "the reset cannot be confirmed without a terminal", {
      hint: "To reset without a question: k3os reset --yes",
    });
  }
  host.warn(
    "Everything in /var, /home, /opt and /usr/local will be erased: the cluster's data, pods and their images.\n",
  );
  host.warn('Type "reset" to go on: ');
  const { stdout } = await host.exec(["head", "-n", "1"]);
  return stdout.trim() === "reset";
}
