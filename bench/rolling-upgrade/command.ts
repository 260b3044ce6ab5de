import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type BuiltImage, build, buildDisk } from "../../src/build/index.ts";
import { run } from "../../src/cli/exit.ts";
import type { Io } from "../../src/cli/io.ts";
import { jsonOption, numberOption } from "../../src/cli/options.ts";
import { asStep, withProgress } from "../../src/cli/progress/index.ts";
import { ExitWith } from "../../src/cli/report.ts";
import { K3osError } from "../../src/errors.ts";
import type { Machine as MachineObject } from "../../src/kubernetes/machine.ts";
import type { MachinePool } from "../../src/kubernetes/machine-pool.ts";
import { outputOf } from "../../src/process/run.ts";
import type { Machine } from "../../src/vm/machine.ts";
import { lateTimer } from "../../src/vm/qemu.ts";
import { testImage } from "../../test/vm/support/container-image.ts";
import { serveDirectory } from "../../test/vm/support/serve.ts";
import { awaited } from "../cluster.ts";
import { apply, kubectl } from "../on-machine.ts";
import { markdownOption, type OutputOptions, printMeasured, quiet } from "../output.ts";
import { rounded } from "../statistics.ts";
import type { Table } from "../table.ts";
import { CLIENT, loadPage, type Machines, withMachines } from "./cluster.ts";
import { type Answers, type Quorum, watchPage, watchServers } from "./watch.ts";

interface RollingOptions extends OutputOptions {
  readonly agents: number;
  readonly slow: number;
  readonly timeout: number;
}

interface Measured {
  readonly answers: Answers;
  readonly quorum: Quorum;
  /** The most Machines that were not up and running at once, as their Nodes say. */
  readonly mostAway: number;
  /** Seconds from the change of the pools until all machines had kept the image. */
  readonly seconds: number;
  /** Of each machine, as its Machine says. */
  readonly downtimes: readonly number[];
}

export function rollingUpgradeCommand(io: Io): Command {
  return new Command("rolling-upgrade")
    .description(
      "Upgrades three servers and their agents by their pools, while another machine asks two replicas of a page for it all the time. " +
        "Prints what was not answered, and when fewer than two servers were ready, with what each of them said then. The exit " +
        "status is 1 if a request failed or the servers lost their majority.",
    )
    .addOption(numberOption("--agents <count>", "agents that are upgraded, too", 0, 10).default(2))
    .addOption(
      numberOption(
        "--slow <factor>",
        "etcd and the API wait so many times longer for one another, and are asked so many times less often: for machines that share processors",
        1,
        10,
      ).default(1),
    )
    .addOption(numberOption("--timeout <seconds>", "how long each step may take", 1, 36_000).default(3600))
    .addOption(jsonOption())
    .addOption(markdownOption())
    .action((options: RollingOptions) => runRolling(options, io));
}

async function runRolling(options: RollingOptions, io: Io): Promise<void> {
  const { signal } = io;
  const timeoutMs = options.timeout * 1000;
  const measured = await withProgress(io, quiet(options), async (progress) => {
    const { image, dir } = await buildDisk("raw", {
      ...{ usualFlavour: "cloud", arguments: [lateTimer], progress, signal },
    });
    const text = "files: [{ path: /usr/share/k3os/next, content: next }]\n";
    const next = await build({ spec: { text, name: "bench-rolling", directory: dir }, progress, signal });
    const disk = join(dir, "k3os.raw");
    const { agents, slow } = options;
    const how = (update: (text: string) => void) => ({ image, disk, agents, slow, timeoutMs, signal, update });
    return asStep(progress, `Upgrade ${3 + agents} machines`, (update) =>
      withMachines(how(update), (machines) => measure(machines, next, { slow, timeoutMs, signal, update, io })),
    );
  });
  const { answers, quorum, mostAway, seconds, downtimes } = measured;
  const good = answers.get("200") ?? 0;
  const all = [...answers.values()].reduce((sum, count) => sum + count, 0);
  const table: Table = {
    head: ["", ""],
    rows: [
      ["requests", String(all)],
      ["of them not answered with 200", String(all - good)],
      ["fewest servers that were ready", `${quorum.fewestReady} of 3`],
      ["most machines away at once", String(mostAway)],
      ["longest without a write to the API, s", quorum.longestWithoutWrite.toFixed(1)],
      ["from the pools' change until all kept the image, s", seconds.toFixed(0)],
      ["downtime of a machine, s", downtimes.map((value) => value.toFixed(0)).join(", ")],
    ],
  };
  const lapses: Table = {
    head: ["after, s", "for, s", "server 1", "server 2", "server 3"],
    rows: quorum.lapses.map(({ at, seconds, answers }) => [at.toFixed(0), seconds.toFixed(1), ...answers]),
  };
  const tables = [
    { title: `${3 + options.agents} machines, one after the other`, table },
    ...(lapses.rows.length > 0 ? [{ title: "Fewer than two servers were ready", table: lapses }] : []),
  ];
  printMeasured(io, options, tables, {
    ...{ requests: all, failed: all - good, fewest_ready: quorum.fewestReady, most_away: mostAway },
    ...{ longest_without_write: rounded(quorum.longestWithoutWrite, 1), seconds: rounded(seconds, 0), downtimes },
    lapses: quorum.lapses,
  });
  if (all === 0 || good < all || quorum.fewestReady < 2) throw new ExitWith(1);
}

interface Conditions {
  readonly slow: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly update: (text: string) => void;
  readonly io: Io;
}

async function measure(machines: Machines, image: BuiltImage, conditions: Conditions): Promise<Measured> {
  const { update } = conditions;
  const [server] = machines.servers;
  const upgraded = [...machines.servers, ...machines.agents];
  const work = mkdtempSync(join(tmpdir(), "k3os-rolling-"));
  const source = await publishTo(join(work, "www"), image.dir, conditions);
  try {
    update("the page");
    await Promise.all(upgraded.map((machine) => loadPage(machine, image, work)));
    const url = await deployPage(server, conditions);
    await leaveOutClient(server, conditions);
    const stopAsking = await watchPage(machines.client, url, conditions);
    const stopServers = watchServers(machines.servers, conditions);
    let ends: readonly [PromiseSettledResult<Answers>, PromiseSettledResult<Quorum>];
    let mostAway: number;
    let seconds: number;
    const begun = performance.now();
    const spec = { image: { channel: "stable", source: `http://10.0.2.2:${source.port}` } };
    try {
      for (const pool of ["servers", "agents"]) await patchPool(server, pool, spec);
      mostAway = await untilUpgraded(machines, conditions);
      seconds = (performance.now() - begun) / 1000;
    } finally {
      // A failure of theirs must not hide that of the upgrade.
      ends = await Promise.allSettled([stopAsking(), stopServers()]);
    }
    const [answers, quorum] = [outcomeOf(ends[0]), outcomeOf(ends[1])];
    const machineList = await objects<MachineObject>(machines.servers, "km");
    const names = new Set(upgraded.map(({ name }) => name));
    const downtimes = (machineList ?? [])
      .filter(({ metadata }) => names.has(metadata.name))
      .map(({ status }) => status?.boot?.downtimeSeconds ?? Number.NaN);
    return { answers, quorum, mostAway, seconds, downtimes };
  } finally {
    source.close();
    rmSync(work, { recursive: true, force: true });
  }
}

function outcomeOf<T>(end: PromiseSettledResult<T>): T {
  if (end.status === "rejected") throw end.reason;
  return end.value;
}

async function publishTo(www: string, image: string, { io }: Conditions) {
  mkdirSync(www);
  const key = join(www, "../release");
  const made = await outputOf({ argv: ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key] }, {});
  if (made.status !== 0) throw new K3osError("machine", made.stderr.trim());
  const quietIo: Io = { ...io, stdout: io.stderr };
  const status = await run(["publish", www, "--key", key, "--image", image, "--json"], quietIo);
  if (status !== 0) throw new K3osError("machine", "The image could not be published.");
  return serveDirectory(www);
}

const PAGE = "page";

/** Two replicas that are never away together, and that answer what still arrives while they leave. */
async function deployPage(server: Machine, conditions: Conditions): Promise<string> {
  const labels = { app: PAGE };
  const metadata = { name: PAGE, namespace: "default" };
  const container = {
    ...{ name: PAGE, image: testImage, imagePullPolicy: "Never" },
    command: ["sh", "-c", "mkdir /www; echo page >/www/index.html; exec httpd -f -h /www"],
    readinessProbe: { httpGet: { path: "/", port: 80 }, periodSeconds: 1 },
    lifecycle: { preStop: { sleep: { seconds: 15 } } },
  };
  const requirement = { key: "ring", operator: "NotIn", values: [CLIENT.ring] };
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [requirement] }] },
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: labels }, topologyKey: "kubernetes.io/hostname" },
      ],
    },
  };
  const podSpec = { containers: [container], affinity, terminationGracePeriodSeconds: 30 };
  const selector = { matchLabels: labels };
  await apply(server, [
    {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata },
      spec: { replicas: 2, selector, template: { metadata: { labels }, spec: podSpec } },
    },
    { apiVersion: "v1", kind: "Service", metadata, spec: { selector: labels, ports: [{ port: 80 }] } },
    { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec: { minAvailable: 1, selector } },
  ]);
  await awaited(
    "The page's second replica",
    async () => {
      const ready = await kubectl(server, ["get", "deploy", PAGE, "-o", "jsonpath={.status.readyReplicas}"]);
      return ready === "2" || undefined;
    },
    conditions,
  );
  return `http://${await kubectl(server, ["get", "service", PAGE, "-o", "jsonpath={.spec.clusterIP}"])}/`;
}

/** The machine that asks belongs to no pool. */
async function leaveOutClient(server: Machine, conditions: Conditions): Promise<void> {
  await awaited(
    "The pools",
    async () => (await objects<MachinePool>([server], "kmp"))?.length === 2 || undefined,
    conditions,
  );
  await patchPool(server, "agents", {
    nodeSelector: {
      matchExpressions: [
        { key: "node-role.kubernetes.io/control-plane", operator: "DoesNotExist" },
        { key: "ring", operator: "NotIn", values: [CLIENT.ring] },
      ],
    },
  });
}

const patchPool = (server: Machine, pool: string, spec: object) =>
  kubectl(server, ["patch", "kmp", pool, "--type=merge", "-p", JSON.stringify({ spec })]);

/** Returns once all machines run the image; the most that were away at once. A pool that is stalled is an error. */
async function untilUpgraded({ servers }: Machines, conditions: Conditions): Promise<number> {
  let most = 0;
  await awaited(
    "The last machine",
    async () => {
      const pools = await objects<MachinePool>(servers, "kmp");
      if (pools === undefined) return undefined;
      most = Math.max(
        most,
        pools.reduce((sum, { status }) => sum + (status?.unavailable ?? 0), 0),
      );
      conditions.update(pools.map(({ metadata, status }) => `${metadata.name} ${status?.updated ?? 0}`).join(", "));
      const stalled = pools.flatMap(({ metadata, status }) =>
        (status?.conditions ?? [])
          .filter(({ type, status }) => type === "Stalled" && status === "True")
          .map(({ message }) => `${metadata.name}: ${message}`),
      );
      if (stalled.length > 0) throw new K3osError("machine", `The upgrade stalled. ${stalled.join(" ")}`);
      const isDone = pools.every(
        ({ metadata, status }) =>
          status?.observedGeneration === metadata.generation &&
          (status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True"),
      );
      return isDone || undefined;
    },
    conditions,
  );
  return most;
}

/** All objects of a kind, from the first server that answers; nothing if none does. */
async function objects<T>(servers: readonly Machine[], kind: string): Promise<readonly T[] | undefined> {
  for (const server of servers) {
    const { status, stdout } = await server.kubectl(["get", kind, "-o", "json", "--request-timeout=10s"]);
    if (status === 0) return (JSON.parse(stdout) as { items: readonly T[] }).items;
  }
  return undefined;
}
