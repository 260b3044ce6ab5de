import { K3osError } from "../errors.ts";
import { nodeHost } from "../host/node.ts";
import { isCrashLoop } from "../kubernetes/service.ts";
import { apiAnswers, type NodeStatus, nodes, rewriteKubeconfig, takesPods } from "./kubernetes.ts";
import type { Machine } from "./machine.ts";
import { commandFor } from "./name.ts";
import { lastLines } from "./serial.ts";
import { watchStalls } from "./userland.ts";
import { type PollOptions, poll } from "./wait.ts";

export interface ReadyOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the boot reaches a stage: "kernel", "API server", … */
  readonly onStage?: (stage: string) => void;
  /** Called with the reason when the machine hung before its userland and was restarted. */
  readonly onRestart?: (reason: string) => void;
}

/** What `watchReady` reads from a machine. Tests use their own. */
export interface Probes {
  console(): string;
  alive(): boolean;
  /** Restarts a machine that hangs before its userland, see `StallWatch`. */
  restartStalled(): Promise<void>;
  apiAnswers(): Promise<boolean>;
  /** The node's kubeconfig; `undefined` as long as it has none. */
  kubeconfig(): Promise<string | undefined>;
  /** Whether the node is Ready, and a user can make pods. */
  nodeReady(kubeconfig: string): Promise<boolean>;
  /** Why k3s fails again and again, if it does. Called rarely, because it puts load on the node. */
  k3sFailure(): Promise<string | undefined>;
}

/**
 * Waits until the node is Ready and saves the kubeconfig, readable only by the user. Throws early when the node can no
 * longer become Ready: kernel panic, machine gone, k3s failing again and again. The machine keeps running then.
 */
export async function waitReady(machine: Machine, options: ReadyOptions): Promise<void> {
  await watchReady(machineProbes(machine, options), machine.name, options);
  noteReady(machine);
}

/** The first time after it was powered on. */
function noteReady(machine: Machine): void {
  const { phase, started } = machine.record;
  if (phase !== "ready") machine.update({ phase: "ready", readySeconds: (Date.now() - Date.parse(started)) / 1000 });
}

/**
 * `waitReady` for an agent, which has no API of its own: until the cluster of that server, which is Ready, has the
 * agent as a Ready node.
 */
export async function waitJoined(agent: Machine, server: Machine, options: ReadyOptions): Promise<void> {
  const { signal } = options;
  const { ports } = server.record;
  const own = machineProbes(agent, options);
  const answers = async () => (await bootIdOf(agent, signal)) !== undefined;
  const probes: Probes = {
    ...own,
    // The agent's own stages come first: its server answers from the beginning.
    apiAnswers: async () => (await answers()) && apiAnswers(ports.api, signal),
    kubeconfig: () => fetchKubeconfig(server, signal),
    nodeReady: async (kubeconfig) => {
      if (server.state !== "running")
        throw new K3osError("machine", `The server "${server.name}" ended before "${agent.name}" had joined it.`);
      const found = await nodes(ports.api, kubeconfig, { fromCache: true, signal });
      return isReadyNow(
        found?.find(({ name }) => name === agent.node),
        agent,
        signal,
      );
    },
  };
  await watchReady(probes, agent.name, options);
  noteReady(agent);
}

/** The boot that runs; `undefined` as long as nobody answers. */
async function bootIdOf(machine: Machine, signal?: AbortSignal): Promise<string | undefined> {
  const file = "/proc/sys/kernel/random/boot_id";
  const { status, stdout } = await machine.ssh(`cat ${file}`, { timeoutMs: 20_000, signal });
  return status === 0 ? stdout.trim() : undefined;
}

/** The cluster takes a node for Ready for another minute after it was switched off. */
async function isReadyNow(node: NodeStatus | undefined, machine: Machine, signal?: AbortSignal): Promise<boolean> {
  return node?.ready === true && (await bootIdOf(machine, signal)) === node.bootId;
}

/**
 * The machine's kubeconfig with the workstation's port. It is fetched from the node only once. `undefined` when the
 * node has none yet.
 */
export async function fetchKubeconfig(machine: Machine, signal?: AbortSignal): Promise<string | undefined> {
  const known = machine.kubeconfig();
  if (known !== undefined) return known;
  const { status, stdout } = await machine.ssh("sudo cat /etc/rancher/k3s/k3s.yaml", { timeoutMs: 20_000, signal });
  if (status !== 0 || !stdout.includes("client-key-data")) return undefined;
  const text = rewriteKubeconfig(stdout, machine.record.ports.api);
  nodeHost.write(machine.paths.kubeconfig, text, { mode: 0o600 });
  return text;
}

/** `waitReady` without a machine. */
export async function watchReady(
  probes: Probes,
  name: string,
  options: ReadyOptions & { readonly everyMs?: number },
): Promise<void> {
  const end = performance.now() + options.timeoutMs;
  const pace = (): PollOptions => ({
    timeoutMs: end - performance.now(),
    everyMs: options.everyMs ?? 500,
    signal: options.signal,
  });
  const stage = options.onStage ?? (() => {});
  const k3s = failureWatch(probes, options.everyMs === undefined ? 45_000 : 0);

  stage("kernel");
  const answered = await poll(async () => {
    refuseDead(probes, name);
    await probes.restartStalled();
    if (/login:|k3os.*services/i.test(probes.console())) stage("services");
    await k3s(name);
    return (await probes.apiAnswers()) || undefined;
  }, pace());
  if (answered === undefined) throw neverReady(probes, name, options.timeoutMs, "the Kubernetes API did not answer");

  stage("API server");
  const kubeconfig = await poll(() => {
    refuseDead(probes, name);
    return probes.kubeconfig();
  }, pace());
  if (kubeconfig === undefined)
    throw neverReady(probes, name, options.timeoutMs, "its kubeconfig could not be fetched over ssh");

  stage("node");
  const ready = await poll(async () => {
    refuseDead(probes, name);
    return (await probes.nodeReady(kubeconfig)) || undefined;
  }, pace());
  if (ready === undefined)
    throw neverReady(probes, name, options.timeoutMs, "Kubernetes runs, but the node did not report Ready");
}

const panic = /Kernel panic - not syncing: (.*)/;
/** Printed by the initrd (os/initrd/init) when it failed. The line before gives the reason. */
const initFailure = /(?:^k3os: (.*)\n(?:.*\n)?)?^k3os: the boot stopped/m;

function refuseDead(probes: Probes, name: string): void {
  const console = probes.console();
  const panicked = panic.exec(console);
  if (panicked !== null) throw gaveUp(`The kernel of "${name}" panicked: ${panicked[1]}.`, console, name);
  const failed = initFailure.exec(console);
  if (failed !== null)
    throw gaveUp(`The machine "${name}" could not boot: ${failed[1] ?? "see its console"}`, console, name);
  if (!probes.alive()) throw gaveUp(`The machine "${name}" powered itself off before it was Ready.`, console, name);
}

/** Throws when k3s was restarted more often than in a healthy start. */
function failureWatch(probes: Probes, everyMs: number): (name: string) => Promise<void> {
  let next = performance.now() + 2 * everyMs;
  return async (name) => {
    if (performance.now() < next) return;
    const failure = await probes.k3sFailure();
    next = performance.now() + everyMs;
    if (failure === undefined) return;
    throw gaveUp(`k3s on "${name}" fails again and again: ${failure}`, probes.console(), name);
  };
}

function neverReady(probes: Probes, name: string, timeoutMs: number, why: string): K3osError {
  return gaveUp(
    `The node "${name}" was not Ready after ${Math.round(timeoutMs / 1000)} s: ${why}.`,
    probes.console(),
    name,
  );
}

function gaveUp(message: string, console: string, name: string): K3osError {
  const last = lastLines(console, 12);
  return new K3osError("machine", message, {
    hint: `The whole console: ${commandFor("logs", name)}${last === "" ? "" : `\nIts last lines:\n${last}`}`,
  });
}

function machineProbes(machine: Machine, { signal, onRestart }: ReadyOptions): Probes {
  const { ports } = machine.record;
  const stalls = watchStalls(machine, { onRestart });
  return {
    console: () => machine.serial.text(),
    alive: () => machine.state === "running",
    restartStalled: () => stalls.look(),
    apiAnswers: () => apiAnswers(ports.api, signal),
    kubeconfig: () => fetchKubeconfig(machine, signal),
    async nodeReady(kubeconfig) {
      const found = (await nodes(ports.api, kubeconfig, { fromCache: true, signal })) ?? [];
      // The config may give a single machine another name.
      const node = found.find(({ name }) => name === machine.node) ?? (found.length === 1 ? found[0] : undefined);
      return (await isReadyNow(node, machine, signal)) && takesPods(ports.api, kubeconfig, signal);
    },
    k3sFailure: async () => {
      const { stdout } = await machine.ssh(failuresOfK3s, { timeoutMs: 20_000, signal });
      return readFailures(stdout);
    },
  };
}

/** Prints how often the supervisor has seen k3s end, and k3s's last line that is neither information nor a warning. */
const failuresOfK3s =
  "sudo sh -c \"grep -c 'run-k3s, pid' /var/log/messages; grep -v ' k3s: [IW][0-9]' /var/log/k3s-service.log | tail -n 1\"";

export function readFailures(printed: string): string | undefined {
  const [count = "0", last = ""] = printed.split("\n");
  if (!isCrashLoop(Number(count))) return undefined;
  return last.replace(/^.*? k3s: /, "") || "see /var/log/k3s-service.log on the node";
}
