import { formatProblem } from "../../config/problem.ts";
import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { type ClusterLayer, NO_LAYER } from "../../management/layer.ts";
import { observeK3s } from "../apply/k3s.ts";
import { readFacts } from "../facts.ts";
import { observeFirmware } from "../health/firmware.ts";
import { apiChecks, type Check, isAway, localChecks, type Observation } from "../health/judge.ts";
import { describeMissing, type MissingFirmware } from "../health/missing-firmware.ts";
import { observeHealth } from "../health/observe.ts";
import { observeUnanswered, type Unanswered } from "../health/quorum.ts";
import { ownImage } from "../images/own.ts";
import { loadConfig } from "../layers.ts";
import { restartsOf } from "../openrc.ts";
import { lastReport } from "../report.ts";
import { nameOfRevision } from "../slots/journal.ts";
import { layerOfSlot } from "../slots/layer-file.ts";
import { isClusterConfigOff, runningSlot } from "../slots/running.ts";
import { DATA_SOURCE } from "../sources/sources.ts";
import { savedStages, uptime } from "../stages.ts";
import { type AutoNote, lastAuto } from "../upgrade/auto-note.ts";
import { isAuto } from "../upgrade/auto-service.ts";
import { type UpgradeStatus, upgradeLines, upgradeStatus } from "../upgrade/describe.ts";
import { parseArguments } from "./arguments.ts";

interface Service {
  /** `started`, `stopped`, `crashed` …, in OpenRC's words. */
  readonly state: string;
  /** How often it ended and was restarted. */
  readonly restarts: number;
  /** Whether it must be restarted to notice what was applied. */
  readonly restart_due: boolean;
  /** Its last message before it ended, if it has ended. */
  readonly last_error?: string;
}

interface Status extends Unanswered {
  readonly hostname: string;
  readonly version: string;
  /** For which machines the image is; none of an image that does not say so. */
  readonly flavour?: string;
  readonly mode: string;
  readonly uptime_s: number;
  readonly addresses: readonly string[];
  /** The source of its user data; empty if there was none. */
  readonly data_source: string;
  readonly k3s: Service;
  /** Why the machine has not joined its cluster yet, as long as it has not. */
  readonly not_joined?: string;
  /** The node's state in the API; `unknown` while the API does not answer. */
  readonly ready: "True" | "False" | "unknown";
  /** What Ready takes, in the order in which a node comes up. */
  readonly checks: readonly Check[];
  readonly config_problems: number;
  /** What drivers asked for since the machine was started and did not find. The node may well be healthy without. */
  readonly missing_firmware: readonly MissingFirmware[];
  /** Whether images without a signature are taken. */
  readonly unsigned_images: boolean;
  /** Of a node that runs from a disk. */
  readonly slots?: UpgradeStatus["slots"];
  readonly last_upgrade?: UpgradeStatus["last_upgrade"];
  /** What the cluster says of the config; none if it says nothing. */
  readonly cluster_config?: {
    readonly revision: string;
    readonly configs: readonly { readonly name: string; readonly generation: number }[];
  };
  /** What a node that upgrades itself did last; `null` if it has not looked yet. */
  readonly auto?: AutoNote | null;
}

const LOG = "/var/log/k3s-service.log";
/** An agent's k3s writes it, until it has joined (kube/internal/agent/run.go). */
const JOINING = "/run/k3s/joining";

/** `k3os status`: returns 0 if the node is Ready and its configuration has no errors. */
export async function statusCommand(host: Host, args: readonly string[]): Promise<number> {
  const options = parseArguments(args, { flags: ["--json"] });
  const { problems, failures } = lastReport(host);
  const hostname = host.readText("/proc/sys/kernel/hostname").trim();
  const { nodeName = hostname, ...facts } = readFacts(host);
  const [addresses, k3s, health, firmware, upgrades] = await Promise.all([
    globalAddresses(host),
    serviceState(host),
    observeHealth(host, nodeName),
    observeFirmware(host),
    facts.mode === "local" ? upgradesOf(host) : undefined,
  ]);
  const { flavour } = ownImage(host);
  const ready = readyOf(health);
  const checks = [...localChecks(health), ...apiChecks(health.api)];
  const errors = problems.filter(({ severity }) => severity === "error").length + failures.length;
  const { config } = loadConfig(host);
  const unanswered = isAway(health.api) ? await observeUnanswered(host, config) : {};
  const notJoined = readTextIf(host, JOINING)?.trim();
  const cluster = isClusterConfigOff(host) ? NO_LAYER : layerOfSlot(host, runningSlot(host));
  const status: Status = {
    hostname,
    ...facts,
    ...(flavour !== undefined && { flavour }),
    uptime_s: uptime(host),
    addresses,
    data_source: readTextIf(host, DATA_SOURCE) ?? "",
    k3s,
    ...(notJoined && { not_joined: notJoined }),
    ...unanswered,
    ready,
    checks,
    config_problems: problems.length + failures.length,
    missing_firmware: firmware,
    unsigned_images: config.k3os?.upgrade?.unsigned === true,
    ...(cluster.parts.length > 0 && { cluster_config: told(cluster) }),
    ...upgrades,
    ...(isAuto(config, facts.mode) && { auto: lastAuto(host) ?? null }),
  };
  if (options["--json"]) console.log(JSON.stringify({ ...status, problems, failures, stages: savedStages(host) }));
  else {
    const image = [facts.version, ...(flavour === undefined ? [] : [flavour])].join(" ");
    console.log(`${hostname}: k3OS ${image}, ${facts.mode}, up ${Math.round(status.uptime_s)} s`);
    console.log(`addresses  ${addresses.join(" ") || "none"}`);
    if (status.data_source !== "") console.log(`user data  from ${status.data_source}`);
    console.log(`k3s        ${k3s.state}${k3s.restarts > 0 ? `, ${k3s.restarts} restarts` : ""}`);
    if (k3s.restart_due) console.log("           has not taken up what was applied: sudo rc-service k3s restart");
    if (k3s.last_error !== undefined) console.log(`           ${k3s.last_error}`);
    if (notJoined) console.log(`           has not joined its cluster: ${notJoined}`);
    console.log(
      `node       ${ready === "True" ? "Ready" : ready === "False" ? "not Ready" : "the API does not answer yet"}`,
    );
    for (const reason of Object.values(unanswered)) console.log(`           ${reason}`);
    if (health.k3s.started && !notJoined)
      for (const { message } of checks.filter(isNews)) console.log(`           ${message}`);
    for (const line of upgrades === undefined ? [] : upgradeLines(upgrades)) console.log(line);
    if (cluster.parts.length > 0) console.log(`cluster    ${clusterLine(cluster)}`);
    if (status.auto !== undefined) console.log(`auto       ${autoLine(status.auto)}`);
    if (status.unsigned_images) console.log("images     are taken without a signature: k3os.upgrade.unsigned");
    for (const one of firmware) console.log(`firmware   ${describeMissing(one)}`);
    for (const problem of problems) console.log(formatProblem(problem));
    for (const { step, reason } of failures) console.log(`error: ${step}: ${reason}`);
  }
  return ready === "True" && errors === 0 ? 0 : 1;
}

/** The slots; `undefined` if this disk has none, as one that 0.30 was installed on. */
async function upgradesOf(host: Host): Promise<UpgradeStatus | undefined> {
  try {
    return await upgradeStatus(host);
  } catch (error) {
    if (!(error instanceof K3osError)) throw error;
    host.warn(`k3os: the slots cannot be read: ${error.message}\n`);
    return undefined;
  }
}

function told({ revision, parts }: ClusterLayer): NonNullable<Status["cluster_config"]> {
  return { revision, configs: parts.map(({ name, generation }) => ({ name, generation })) };
}

function clusterLine({ revision, parts }: ClusterLayer): string {
  const names = parts.map(({ name }) => name).join(", ");
  return `${nameOfRevision(revision)} of MachineConfig${parts.length === 1 ? "" : "s"} ${names}`;
}

function autoLine(note: AutoNote | null): string {
  if (note === null) return "has not looked at its channel yet";
  return `${note.message} (${new Date(note.at).toISOString().slice(0, 16).replace("T", " ")} UTC)`;
}

async function globalAddresses(host: Host): Promise<string[]> {
  const { stdout } = await host.exec(["ip", "-json", "address", "show", "scope", "global", "up"]);
  type Link = { ifname?: string; addr_info?: { local?: string }[] };
  const links = JSON.parse(stdout || "[]") as Link[];
  // The interfaces of the container network do not lead to this machine.
  const own = links.filter(({ ifname = "" }) => !/^(cni|veth|flannel|kube)/.test(ifname));
  return own.flatMap(({ addr_info = [] }) => addr_info.flatMap(({ local }) => (local ? [local] : [])));
}

/** What is bad and is not said by the lines about k3s and the node. */
function isNews({ name, good }: Check): boolean {
  return !good && name !== "k3s" && name !== "api";
}

async function serviceState(host: Host): Promise<Service> {
  const { stdout } = await host.exec(["rc-service", "k3s", "status"]);
  const restarts = restartsOf(host, "k3s");
  const state = /status: (\S+)/.exec(stdout)?.[1] ?? "unknown";
  const service: Service = { state, restarts, restart_due: observeK3s(host).outdated };
  if (restarts === 0 || host.stat(LOG) === undefined) return service;
  const complaints = await host.exec(["grep", "-E", "k3s: (error|fatal)", LOG]);
  const last = complaints.stdout.trim().split("\n").at(-1);
  return last ? { ...service, last_error: last.slice(last.indexOf("k3s: ")) } : service;
}

function readyOf({ api }: Observation): Status["ready"] {
  if (!api.answers || api.node === undefined) return "unknown";
  return api.node.status === "True" ? "True" : "False";
}
