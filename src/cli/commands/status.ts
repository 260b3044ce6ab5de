import { Command } from "commander";
import { K3osError } from "../../errors.ts";
import { apiAnswers, nodes } from "../../vm/kubernetes.ts";
import { apiMachine, type Machine } from "../../vm/machine.ts";
import { commandFor } from "../../vm/name.ts";
import { fetchKubeconfig } from "../../vm/ready.ts";
import { lastLines } from "../../vm/serial.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { requireMachine, requireRunning, startCommand } from "../machines.ts";
import { examples, jsonOption, nameOption } from "../options.ts";
import { duration } from "../progress/format.ts";
import { ExitWith } from "../report.ts";
import { drawTimeline, timelineOf } from "../timeline.ts";

export function statusCommand(io: Io): Command {
  const status = new Command("status")
    .summary("tell how a machine is")
    .description("Tells how a machine is. The exit status is 0 when its node is Ready, otherwise 1.")
    .addOption(nameOption())
    .option("--boot", "tell instead how long each part of its boot took")
    .addOption(jsonOption())
    .action((options: StatusOptions) => runStatus(options, io));
  return examples(
    status,
    ["./k3os status", "the machine k3os"],
    ["./k3os status --boot", "its boot as a timeline"],
    ["./k3os status --json | jq .ready", "for scripts"],
  );
}

interface StatusOptions {
  readonly name: string;
  readonly boot?: boolean;
  readonly json?: boolean;
}

async function runStatus(options: StatusOptions, io: Io): Promise<void> {
  if (options.boot === true) return showBoot(requireRunning(options.name), options.json === true, io);
  const status = await describe(requireMachine(options.name), io.signal);
  if (options.json) printJson(io, status);
  else printLine(io, table(status, startCommand(requireMachine(options.name))));
  if (!status.ready) throw new ExitWith(1);
}

/** Prints the boot so far. The notes are read over ssh, which is one of the last services to start. */
async function showBoot(machine: Machine, json: boolean, io: Io): Promise<void> {
  const separator = "\x1e";
  const notes = `cat /run/k3os/boot.json; printf '${separator}'; sudo cat /run/k3s/stages.json 2>/dev/null; true`;
  const { status, stdout, stderr } = await machine.ssh(notes, { timeoutMs: 30_000, signal: io.signal });
  if (status !== 0) {
    throw new K3osError(
      "machine",
      `The boot of "${machine.name}" could not be read over ssh: ${lastLines(stderr, 1)}`,
      {
        hint: `If it is still booting, see how far it is: ${commandFor("logs", machine.name, "-f")}`,
      },
    );
  }
  const [boot = "", k3s = ""] = stdout.split(separator);
  const phases = timelineOf(boot, k3s);
  if (json) printJson(io, phases);
  else for (const line of drawTimeline(phases, Math.min(io.stdout.columns ?? 100, 120))) printLine(io, line);
}

/** What `status --json` and `up --json` print; with agents, `up` prints a list. Keys are only ever added. */
export interface Status {
  readonly name: string;
  readonly state: "running" | "stopped" | "failed" | "crashed";
  /** Whether the node is Ready now. */
  readonly ready: boolean;
  readonly version: string | null;
  readonly kubernetes: string | null;
  readonly architecture: string;
  readonly accel: string;
  readonly memory_mib: number;
  readonly cpus: number;
  readonly pid: number | null;
  readonly started: string;
  /** Seconds from power-on to Ready. */
  readonly ready_s: number | null;
  readonly ssh_port: number;
  readonly api_port: number;
  readonly kubeconfig: string | null;
  readonly serial_log: string;
}

export async function describe(machine: Machine, signal: AbortSignal): Promise<Status> {
  const { record, state } = machine;
  const running = state === "running";
  const api = apiMachine(machine);
  const kubeconfig = running && api.state === "running" ? await kubeconfigOf(api, signal) : undefined;
  const { ports } = api.record;
  const known = kubeconfig !== undefined ? await nodes(ports.api, kubeconfig, { fromCache: false, signal }) : undefined;
  // The config may give a single machine another name.
  const node = known?.find(({ name }) => name === machine.node) ?? (record.cluster ? undefined : known?.[0]);
  return {
    name: machine.name,
    state,
    ready: node?.ready ?? false,
    version: record.version ?? null,
    kubernetes: node?.version ?? null,
    architecture: record.architecture,
    accel: record.accel,
    memory_mib: record.memoryMiB,
    cpus: record.cpus,
    pid: running ? record.process.pid : null,
    started: record.started,
    ready_s: record.readySeconds ?? null,
    ssh_port: record.ports.ssh,
    api_port: api.record.ports.api,
    kubeconfig: kubeconfig !== undefined ? api.paths.kubeconfig : null,
    serial_log: machine.paths.serialLog,
  };
}

/** Fetches the kubeconfig over ssh only when the API answers, to keep load from a booting node. */
async function kubeconfigOf(machine: Machine, signal: AbortSignal): Promise<string | undefined> {
  const known = machine.kubeconfig();
  if (known !== undefined) return known;
  return (await apiAnswers(machine.record.ports.api, signal)) ? fetchKubeconfig(machine, signal) : undefined;
}

function table(status: Status, start: string): string {
  const running = status.state === "running";
  const since = duration(Date.now() - Date.parse(status.started));
  const rows: [string, string][] = [
    ["machine", status.name],
    ["state", running ? `running for ${since}` : status.state],
    ...(running ? ([["node", status.ready ? "Ready" : "not Ready"]] as [string, string][]) : []),
    ["image", [status.version ?? "unknown", status.kubernetes ?? ""].filter(Boolean).join(", Kubernetes ")],
    ["hardware", `${status.cpus} CPUs (${status.architecture}), ${status.memory_mib} MiB, ${status.accel}`],
    ...(running ? runningRows(status) : ([["start", start]] as [string, string][])),
    ["console log", status.serial_log],
  ];
  return rows.map(([what, value]) => `${what.padEnd(12)} ${value}`).join("\n");
}

function runningRows(status: Status): [string, string][] {
  return [
    ["ports", `ssh 127.0.0.1:${status.ssh_port}, Kubernetes API 127.0.0.1:${status.api_port}`],
    ["kubeconfig", status.kubeconfig ?? "not yet"],
    ["process", String(status.pid)],
  ];
}
