import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { K3osError } from "../../src/errors.ts";
import { type ChildProcess, start } from "../../src/process/run.ts";
import { freePort } from "../../src/vm/ports.ts";
import { lastLines } from "../../src/vm/serial.ts";
import { poll, sleep } from "../../src/vm/wait.ts";
import { cpuSeconds } from "./cpu.ts";

/** The time until the API was ready, and the processor time of it. */
export interface Start {
  readonly readySeconds: number;
  readonly cpuSeconds: number;
  /** Milliseconds of processor time a second of an idle server. */
  readonly idleCpu?: number;
}

export interface StartOptions {
  readonly timeoutMs: number;
  /** Then measure the idle server for this long. */
  readonly idleSeconds?: number;
  readonly signal: AbortSignal;
}

/** The time until a server is idle: after the API is ready, controllers start, and their first lists become garbage. */
const settleMs = 60_000;
const stopPatienceMs = 10_000;
/** The k3s binary writes its stages to this file, also when it runs natively. */
const stagesFile = "/run/k3s/stages.json";

/** Starts a server without a node on the data in `dir`, waits until its API is ready, measures it, and stops it. */
export async function startOnce(k3s: string, dir: string, options: StartOptions): Promise<Start> {
  const { timeoutMs, idleSeconds, signal } = options;
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
    const measured = { readySeconds, cpuSeconds: cpu() };
    if (idleSeconds === undefined) return measured;
    await sleep(settleMs, signal);
    const before = cpu();
    await sleep(idleSeconds * 1000, signal);
    return { ...measured, idleCpu: ((cpu() - before) * 1000) / idleSeconds };
  } finally {
    await stop(child);
    process.removeListener("exit", kill);
    if (!hadStages) rmSync(stagesFile, { force: true });
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
function environment(dir: string): Record<string, string | undefined> {
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
  let agent: Agent | undefined;
  try {
    const ask = async () => {
      if (ended !== undefined) return ended;
      agent ??= administrator(kubeconfig);
      return agent !== undefined && (await isReady(port, agent, signal)) ? "ready" : undefined;
    };
    const answer = await poll(ask, { timeoutMs, everyMs: 10, signal });
    if (answer === "ready") return;
    const why = answer ?? `it was not after ${timeoutMs / 1000} s`;
    throw new K3osError("machine", `The API of k3s did not get ready: ${why}.`, {
      hint: `The last lines of its log:\n${lastLines(readFileSync(log, "utf8"), 20)}`,
    });
  } finally {
    agent?.destroy();
  }
}

/** Connects with the certificate of the kubeconfig; `undefined` until the server has written it. */
function administrator(kubeconfig: string): Agent | undefined {
  if (!existsSync(kubeconfig)) return undefined;
  const text = readFileSync(kubeconfig, "utf8");
  const data = (field: string) => Buffer.from(new RegExp(`^ *${field}: (\\S+)$`, "m").exec(text)?.[1] ?? "", "base64");
  const [ca, cert, key] = [
    data("certificate-authority-data"),
    data("client-certificate-data"),
    data("client-key-data"),
  ];
  return key.length === 0 ? undefined : new Agent({ keepAlive: true, maxSockets: 1, ca, cert, key });
}

function isReady(port: number, agent: Agent, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/readyz", agent, signal }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode === 200));
    });
    asked.once("error", () => resolve(false));
    asked.setTimeout(1000, () => asked.destroy(new Error("no answer")));
    asked.end();
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const patience = new AbortController();
  await Promise.race([gone, sleep(stopPatienceMs, patience.signal).catch(() => {})]);
  patience.abort();
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await gone;
}
