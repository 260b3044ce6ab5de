import { writeFileSync } from "node:fs";
import { K3osError } from "../errors.ts";
import { apiAnswers, nodes, rewriteKubeconfig } from "./kubernetes.ts";
import type { Machine } from "./machine.ts";
import { lastLines } from "./serial.ts";
import { type PollOptions, poll } from "./wait.ts";

export interface ReadyOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told when the boot has come further: "kernel", "API server", … */
  readonly onStage?: (stage: string) => void;
}

/** How the outside of a machine is looked at; a test has its own. */
export interface Probes {
  console(): string;
  alive(): boolean;
  apiAnswers(): Promise<boolean>;
  /** The node's kubeconfig, once it can be had. */
  kubeconfig(): Promise<string | undefined>;
  nodeReady(kubeconfig: string): Promise<boolean>;
  /** Why k3s fails again and again, if it does. Asked rarely: it costs the node something. */
  k3sFailure(): Promise<string | undefined>;
}

/**
 * Waits until the node is Ready and leaves the kubeconfig behind, readable only by the user. Gives up early when it can no
 * longer become so: kernel panic, machine gone, k3s failing again and again. The machine is not stopped by that.
 */
export async function waitReady(machine: Machine, options: ReadyOptions): Promise<void> {
  const kubeconfig = await watchReady(machineProbes(machine, options.signal), machine.name, options);
  writeFileSync(machine.paths.kubeconfig, kubeconfig, { mode: 0o600 });
  machine.update({ phase: "ready", readySeconds: (Date.now() - Date.parse(machine.record.started)) / 1000 });
}

/** `waitReady` without a machine: returns the kubeconfig. */
export async function watchReady(
  probes: Probes,
  name: string,
  options: ReadyOptions & { readonly everyMs?: number },
): Promise<string> {
  const end = performance.now() + options.timeoutMs;
  const pace = (): PollOptions => ({
    timeoutMs: end - performance.now(),
    everyMs: options.everyMs ?? 300,
    signal: options.signal,
  });
  const stage = options.onStage ?? (() => {});
  const k3s = failureWatch(probes, options.everyMs === undefined ? 20_000 : 0);

  stage("kernel");
  const answered = await poll(async () => {
    refuseDead(probes, name);
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
  return kubeconfig;
}

const panic = /Kernel panic - not syncing: (.*)/;
/** Printed by the initrd (os/initrd/init) when its work failed; the line before says why. */
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

/** k3s may need a restart or two; failing for longer than that does not heal. */
function failureWatch(probes: Probes, everyMs: number): (name: string) => Promise<void> {
  let next = performance.now() + 3 * everyMs;
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
    hint: `The whole console: ./k3os logs --name ${name}${last === "" ? "" : `\nIts last lines:\n${last}`}`,
  });
}

function machineProbes(machine: Machine, signal: AbortSignal | undefined): Probes {
  const { ports } = machine.record;
  return {
    console: () => machine.serial.text(),
    alive: () => machine.state === "running",
    apiAnswers: () => apiAnswers(ports.api, signal),
    kubeconfig: async () => {
      const { status, stdout } = await machine.ssh("sudo cat /etc/rancher/k3s/k3s.yaml", { timeoutMs: 20_000, signal });
      return status === 0 && stdout.includes("client-key-data") ? rewriteKubeconfig(stdout, ports.api) : undefined;
    },
    nodeReady: async (kubeconfig) => (await nodes(ports.api, kubeconfig, signal))?.some((node) => node.ready) ?? false,
    k3sFailure: async () => {
      const { status, stdout } = await machine.ssh("sudo k3os status --json", { timeoutMs: 20_000, signal });
      return status === 0 ? failureOf(stdout) : undefined;
    },
  };
}

/** Reads `k3os status --json` of the node. */
function failureOf(json: string): string | undefined {
  try {
    const status = JSON.parse(json) as { k3s?: { restarts?: number; lastError?: string } };
    return (status.k3s?.restarts ?? 0) >= 3
      ? (status.k3s?.lastError ?? "see /var/log/k3s-service.log on the node")
      : undefined;
  } catch {
    return undefined;
  }
}
