import { Command } from "commander";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, memoryOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { K3osError } from "../../src/errors.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { hostMemory } from "../../src/vm/memory.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { poll } from "../../src/vm/wait.ts";
import { apply, succeed } from "../on-machine.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded } from "../statistics.ts";

interface PodsOptions extends OutputOptions {
  readonly pods: number;
  readonly memory: number;
  readonly timeout: number;
}

interface Measured {
  /** Seconds from the command until all pods run. */
  readonly seconds: number;
  /** What is used in the end, without and with the pods, in MiB (MemTotal − MemAvailable). */
  readonly before: number;
  readonly after: number;
}

export function podsCommand(io: Io): Command {
  return new Command("pods")
    .description(
      "Starts many pods on one node, and prints how long it takes until all of them run, and what memory each costs.",
    )
    .addOption(numberOption("--pods <count>", "pods, beside those of the system", 1, 105).default(100))
    .addOption(memoryOption().default(2048, "2G"))
    .addOption(numberOption("--timeout <seconds>", "how long it may take", 1, 36_000).default(1800))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: PodsOptions) => runPods(options, io));
}

async function runPods(options: PodsOptions, io: Io): Promise<void> {
  const { signal } = io;
  const { seconds, before, after } = await withProgress(io, quiet(options), async (progress) => {
    const timeoutMs = options.timeout * 1000;
    const { machine, dispose } = await throwAway({ memoryMiB: options.memory, timeoutMs, progress, signal });
    try {
      return await asStep(progress, `Start ${options.pods} pods`, (update) =>
        measure(machine, options, signal, update),
      );
    } finally {
      await dispose();
    }
  });
  const each = (after - before) / options.pods;
  const rows = [
    [`until ${options.pods} pods run, s`, seconds.toFixed(0)],
    ["a pod, s", (seconds / options.pods).toFixed(2)],
    ["memory of the node before, MiB", before.toFixed(0)],
    ["and with them, MiB", after.toFixed(0)],
    ["a pod, MiB", each.toFixed(1)],
  ];
  printMeasured(io, options, [{ title: `Pods on a node of ${options.memory} MiB`, table: { head: ["", ""], rows } }], {
    ...{ pods: options.pods, memory_mib: options.memory, seconds: rounded(seconds, 1) },
    ...{ used_before_mib: rounded(before, 0), used_after_mib: rounded(after, 0) },
  });
}

async function measure(
  machine: Machine,
  { pods, timeout }: PodsOptions,
  signal: AbortSignal,
  update: (text: string) => void,
): Promise<Measured> {
  const before = await used(machine);
  const labels = { app: "many" };
  const container = { name: "pause", image: "k3os.io/pause:1", imagePullPolicy: "Never" };
  const deployment = {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "many", namespace: "default" } },
    spec: {
      ...{ replicas: pods, selector: { matchLabels: labels } },
      template: { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 1 } },
    },
  };
  const begun = performance.now();
  await apply(machine, [deployment]);
  const found = await poll(
    async () => {
      const { stdout } = await machine.kubectl(["get", "deploy", "many", "-o", "jsonpath={.status.readyReplicas}"]);
      update(`${stdout || "0"} run`);
      return Number(stdout) === pods || undefined;
    },
    { timeoutMs: timeout * 1000, everyMs: 1000, signal },
  );
  const seconds = (performance.now() - begun) / 1000;
  if (found === undefined) throw new K3osError("machine", `Not all of ${pods} pods run after ${timeout} s.`);
  return { seconds, before, after: await used(machine) };
}

/** MemTotal − MemAvailable, in MiB. */
async function used(machine: Machine): Promise<number> {
  const { totalMiB, availableMiB } = hostMemory(await succeed(machine, "cat /proc/meminfo"));
  return totalMiB - availableMiB;
}
