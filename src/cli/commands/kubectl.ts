import { join } from "node:path";
import { Command } from "commander";
import { hostArchitecture } from "../../build/host-architecture.ts";
import { findProject } from "../../build/project.ts";
import { runForeground } from "../../process/run.ts";
import type { Progress } from "../../progress.ts";
import { kubectlCommand as kubectlProgram } from "../../vm/kubectl.ts";
import type { Machine } from "../../vm/machine.ts";
import type { Io } from "../io.ts";
import { requireKubeconfig, requireRunning } from "../machines.ts";
import { examples, longNameOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";
import { ExitWith } from "../report.ts";

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
    ["./k3os kubectl k3os status", "the operating systems of its nodes"],
    ["./k3os kubectl get --help", "kubectl's own help"],
  );
}

async function runKubectl(words: readonly string[], name: string, io: Io): Promise<void> {
  const machine = requireRunning(name);
  const kubeconfig = await requireKubeconfig(machine, io);
  const kubectl = kubectlProgram(machine.record.k3s ?? (await ownKubectl(machine, io)));
  // kubectl finds the plugin `k3os` there; the plugin in turn runs the same kubectl.
  const plugins = join(findProject(), "os/rootfs/usr/bin");
  const env = { KUBECONFIG: kubeconfig, KUBECTL: kubectl.join(" "), PATH: `${io.env.PATH ?? ""}:${plugins}` };
  const status = await runForeground({ argv: [...kubectl, ...words], env });
  if (status !== 0) throw new ExitWith(status);
}

/** The kubectl of the same source for this workstation, where the machine's is for another processor. */
async function ownKubectl(machine: Machine, io: Io): Promise<string | undefined> {
  if (machine.record.architecture === hostArchitecture()) return undefined;
  const { kubernetesTree } = await import("../../build/index.ts");
  const make = (progress: Progress) => kubernetesTree({ progress, signal: io.signal });
  // What kubectl prints has the standard output to itself.
  const directory = await withProgress(io, true, make);
  machine.update({ k3s: join(directory, "k3s") });
  return join(directory, "k3s");
}
