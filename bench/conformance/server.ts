/** A server of Kubernetes as a process of this host, for specs that need no pod. */
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { K3osError } from "../../src/errors.ts";
import { outputOf, start } from "../../src/process/run.ts";
import { freePort } from "../../src/vm/ports.ts";
import { lastLines } from "../../src/vm/serial.ts";
import { poll } from "../../src/vm/wait.ts";
import { environment, stagesFile, stop } from "../api/server.ts";
import type { Target } from "./run.ts";

export interface ServerOptions {
  /** The k3s binary of the image. */
  readonly k3s: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Starts a server on an empty directory, and hands it to `work` once its API is ready. It has a Node that no kubelet
 * looks after, because the suite does not begin without one.
 */
export async function withServer<T>(options: ServerOptions, work: (target: Target) => Promise<T>): Promise<T> {
  const { k3s, timeoutMs, signal } = options;
  const directory = mkdtempSync(join(tmpdir(), "k3os-bench-"));
  const target = { k3s, kubeconfig: join(directory, "k3s.yaml") };
  const logPath = join(directory, "k3s.log");
  const log = openSync(logPath, "w");
  const hadStages = existsSync(stagesFile);
  const argv = [k3s, ...(await serverArguments(directory))];
  const child = start({ argv, env: environment(directory) }, { stdio: ["ignore", log, log] });
  closeSync(log);
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  try {
    const ask = async () => isGone() || (await kubectl(target, ["get", "--raw", "/readyz"])).status === 0 || undefined;
    if ((await poll(ask, { timeoutMs, everyMs: 500, signal })) === undefined || isGone()) {
      throw new K3osError("machine", "The API of k3s did not get ready.", {
        hint: `The last lines of its log:\n${lastLines(readFileSync(logPath, "utf8"), 20)}`,
      });
    }
    await addNode(target);
    return await work(target);
  } finally {
    process.removeListener("exit", kill);
    await stop(child);
    rmSync(directory, { recursive: true, force: true });
    if (!hadStages) rmSync(stagesFile, { force: true });
  }
}

async function serverArguments(directory: string): Promise<string[]> {
  const [port, controllers, scheduler] = [await freePort(), await freePort(), await freePort()];
  return [
    ...["server", "--disable-agent", "--disable=coredns", "--data-dir", join(directory, "data")],
    ...["--write-kubeconfig", join(directory, "k3s.yaml"), "--bind-address=127.0.0.1", `--https-listen-port=${port}`],
    `--kube-controller-manager-arg=secure-port=${controllers}`,
    `--kube-scheduler-arg=secure-port=${scheduler}`,
    // Nobody renews the Node's lease.
    "--kube-controller-manager-arg=node-monitor-grace-period=24h",
  ];
}

/** It takes no pods: what is not scheduled is deleted at once. */
async function addNode(target: Target): Promise<void> {
  const labels = { "kubernetes.io/os": "linux", "kubernetes.io/hostname": "absent" };
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "absent", labels } };
  const time = new Date().toISOString();
  const ready = { type: "Ready", status: "True", reason: "Said", lastHeartbeatTime: time, lastTransitionTime: time };
  const status = {
    conditions: [ready],
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    ...{ capacity: { pods: "0" }, allocatable: { pods: "0" } },
  };
  const commands: [args: string[], input: string][] = [
    [["create", "-f", "-"], JSON.stringify(node)],
    [["patch", "node", "absent", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })], ""],
  ];
  for (const [args, input] of commands) {
    const { status: ended, stderr } = await kubectl(target, args, input);
    if (ended !== 0) throw new K3osError("machine", `kubectl ${args.join(" ")}: ${stderr.trim()}`);
  }
}

const kubectl = ({ k3s, kubeconfig }: Target, args: readonly string[], input = "") =>
  outputOf({ argv: [k3s, "kubectl", "--kubeconfig", kubeconfig, ...args] }, { input });
