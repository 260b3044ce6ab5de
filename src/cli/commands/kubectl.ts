import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Command } from "commander";
import { K3osError } from "../../errors.ts";
import { endOf } from "../../vm/spawn.ts";
import type { Io } from "../io.ts";
import { requireKubeconfig, requireRunning } from "../machines.ts";
import { examples, longNameOption } from "../options.ts";
import { Told } from "../report.ts";

export function kubectlCommand(io: Io): Command {
  const kubectl = new Command("kubectl")
    .summary("run kubectl against a machine's cluster")
    .description("Runs kubectl (of the image's own version) with the machine's kubeconfig. All words are passed on.")
    .argument("[words...]", "what kubectl shall do")
    .addOption(longNameOption())
    .passThroughOptions()
    .allowUnknownOption()
    .action((words: string[], options: { name: string }) => runKubectl(words, options.name, io));
  return examples(
    kubectl,
    ["./k3os kubectl get nodes", "the machine k3os"],
    ["./k3os kubectl --name a get pods -A", "another one"],
    ["./k3os kubectl get --help", "kubectl's own help"],
  );
}

async function runKubectl(words: readonly string[], name: string, io: Io): Promise<void> {
  const machine = requireRunning(name);
  const kubeconfig = requireKubeconfig(machine);
  const [program = "", ...first] = kubectlProgram(machine.record.k3s, io.env.PATH ?? "");
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const status = await endOf(spawn(program, [...first, ...words], { stdio: "inherit", env }));
  if (status !== 0) throw new Told(status);
}

/** The binary of the image is one; should it have been pruned, the user's own will do. */
function kubectlProgram(k3s: string | undefined, path: string): string[] {
  if (k3s !== undefined && existsSync(k3s)) return [k3s, "kubectl"];
  const own = path
    .split(delimiter)
    .map((dir) => join(dir, "kubectl"))
    .find((file) => existsSync(file));
  if (own !== undefined) return [own];
  throw new K3osError("host", "There is no kubectl: the image's own was pruned, and none is in your PATH.", {
    hint: 'Run "./k3os build", or install kubectl.',
  });
}
