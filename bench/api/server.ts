import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../../src/errors.ts";
import { nodeHost } from "../../src/host/node.ts";
import { ensureApi } from "../../src/node/agent/install.ts";
import { type ChildProcess, start } from "../../src/process/run.ts";
import { freePort } from "../../src/vm/ports.ts";
import { lastLines } from "../../src/vm/serial.ts";
import { poll, sleep } from "../../src/vm/wait.ts";
import { apiClient } from "../../test/support/api-client.ts";
import { type Api, connect, createsPerSecond, trustOf } from "./client.ts";
import { cpuSeconds } from "./cpu.ts";

/** The time until the API was ready, and the processor time of it. */
export interface Start {
  readonly readySeconds: number;
  readonly cpuSeconds: number;
  /** From the signal to the end of the process. */
  readonly stopSeconds: number;
  /** Milliseconds of processor time a second of an idle server. */
  readonly idleCpu?: number;
  /** Objects created a second: by one client, and by `manyClients` at once. */
  readonly createsOfOne?: number;
  readonly createsOfMany?: number;
  /** Anonymous memory of the process, in megabytes. */
  readonly memory?: number;
}

export const manyClients = 16;

export interface StartOptions {
  readonly timeoutMs: number;
  /** Then measure the idle server for this long. */
  readonly idleSeconds?: number;
  /** Then create this many objects with one client, and as many with `manyClients`. */
  readonly creates?: number;
  /** Then make the API know Machines, MachinePools and MachineConfigs. */
  readonly objects?: boolean;
  /** Then wait for so many seconds, and look at the memory. */
  readonly memoryAfter?: number;
  readonly signal: AbortSignal;
}

/** The time until a server is idle: after the API is ready, controllers start, and their first lists become garbage. */
const settleMs = 60_000;
const stopPatienceMs = 10_000;
/** The k3s binary writes its stages to this file, also when it runs natively. */
export const stagesFile = "/run/k3s/stages.json";

/** Starts a server without a node on the data in `dir`, waits until its API is ready, measures it, and stops it. */
export async function startOnce(k3s: string, dir: string, options: StartOptions): Promise<Start> {
  const { timeoutMs, idleSeconds, creates, objects, memoryAfter, signal } = options;
  const port = await freePort();
  const argv = await serverArguments(dir, port);
  const [log, kubeconfig] = [join(dir, "k3s.log"), join(dir, "k3s.yaml")];
  rmSync(kubeconfig, { force: true });
  const output = openSync(log, "w");
  const hadStages = existsSync(stagesFile);
  const started = performance.now();
  const child = start({ argv: [k3s, ...argv], env: environment(dir) }, { stdio: ["ignore", output, output] });
  closeSync(output);
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  try {
    await awaitReady(child, port, { log, kubeconfig }, signal, timeoutMs);
    const readySeconds = (performance.now() - started) / 1000;
    const cpu = () => cpuSeconds(readFileSync(`/proc/${child.pid}/stat`, "utf8"));
    const atReady = { readySeconds, cpuSeconds: cpu() };
    const created = creates === undefined ? {} : await measureCreates(port, kubeconfig, creates, signal);
    const idle = idleSeconds === undefined ? {} : { idleCpu: await measureIdle(cpu, idleSeconds, signal) };
    if (objects) await install(port, kubeconfig);
    const memory = memoryAfter === undefined ? {} : { memory: await measureMemory(child, memoryAfter, signal) };
    const stopping = performance.now();
    await stop(child);
    return { ...atReady, ...created, ...idle, ...memory, stopSeconds: (performance.now() - stopping) / 1000 };
  } finally {
    await stop(child);
    process.removeListener("exit", kill);
    if (!hadStages) rmSync(stagesFile, { force: true });
  }
}

/** Milliseconds of processor time a second, `cpu` being the seconds so far. */
async function measureIdle(cpu: () => number, seconds: number, signal: AbortSignal): Promise<number> {
  await sleep(settleMs, signal);
  const before = cpu();
  await sleep(seconds * 1000, signal);
  return ((cpu() - before) * 1000) / seconds;
}

async function install(port: number, kubeconfig: string): Promise<void> {
  const trust = trustOf(kubeconfig);
  if (trust === undefined) throw new K3osError("machine", `${kubeconfig} has no key of the administrator.`);
  const client = apiClient(port, trust);
  try {
    await ensureApi(client, nodeHost);
  } finally {
    client.close();
  }
}

async function measureMemory({ pid }: ChildProcess, seconds: number, signal: AbortSignal): Promise<number> {
  await sleep(seconds * 1000, signal);
  const [, kilobytes = ""] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1000;
}

async function measureCreates(port: number, kubeconfig: string, count: number, signal: AbortSignal) {
  const api = connect(port, kubeconfig, manyClients);
  if (api === undefined) throw new K3osError("machine", `${kubeconfig} has no key of the administrator.`);
  try {
    const createsOfOne = await createsPerSecond(api, 1, count, signal);
    return { createsOfOne, createsOfMany: await createsPerSecond(api, manyClients, count, signal) };
  } finally {
    api.close();
  }
}

async function serverArguments(dir: string, port: number): Promise<string[]> {
  const [controllers, scheduler] = [await freePort(), await freePort()];
  return [
    ...["server", "--disable-agent", "--data-dir", join(dir, "data"), "--write-kubeconfig", join(dir, "k3s.yaml")],
    ...["--node-name", "bench", "--bind-address", "127.0.0.1", "--https-listen-port", `${port}`],
    `--kube-controller-manager-arg=secure-port=${controllers}`,
    `--kube-scheduler-arg=secure-port=${scheduler}`,
  ];
}

/** Takes out the settings of whoever runs the bench. */
export function environment(dir: string): Record<string, string | undefined> {
  const settings = Object.keys(process.env).filter((name) => /^(K3S_|KUBECONFIG)/.test(name));
  return { ...Object.fromEntries(settings.map((name) => [name, undefined])), TMPDIR: dir };
}

async function awaitReady(
  child: ChildProcess,
  port: number,
  { log, kubeconfig }: { readonly log: string; readonly kubeconfig: string },
  signal: AbortSignal,
  timeoutMs: number,
): Promise<void> {
  let ended: string | undefined;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, by) => {
    ended = `it ended with ${code === null ? by : `status ${code}`}`;
  });
  let api: Api | undefined;
  try {
    const ask = async () => {
      if (ended !== undefined) return ended;
      api ??= connect(port, kubeconfig, 1);
      return (await api?.ask("GET", "/readyz")) === 200 ? "ready" : undefined;
    };
    const answer = await poll(ask, { timeoutMs, everyMs: 10, signal });
    if (answer === "ready") return;
    const why = answer ?? `it was not after ${timeoutMs / 1000} s`;
    throw new K3osError("machine", `The API of k3s did not get ready: ${why}.`, {
      hint: `The last lines of its log:\n${lastLines(readFileSync(log, "utf8"), 20)}`,
    });
  } finally {
    api?.close();
  }
}

/** Ends a server, and one that does not end by itself within ten seconds, too. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const patience = new AbortController();
  await Promise.race([gone, sleep(stopPatienceMs, patience.signal).catch(() => {})]);
  patience.abort();
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await gone;
}
