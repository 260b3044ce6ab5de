import { readTextIf } from "../../host/files.ts";
import { type Host, HostError } from "../../host/host.ts";
import { ARCHITECTURES } from "../../image/architecture.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import { askApi, kubeletAccess } from "../health/api.ts";
import { logToKernel } from "../kernel-log.ts";
import { readNodeName } from "../node-name.ts";
import { RUN } from "../places.ts";
import {
  containerIn,
  type EndingPod,
  endingsOf,
  NO_NOTES,
  notesOf,
  overdue,
  type PodNotes,
  type RunningContainer,
  stopSignalOf,
} from "./grace.ts";

const NOTES = `${RUN}/pods.json`;
/** A directory for each container that runs, written by the shims of containerd, which outlive it. */
const BUNDLES = "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io";
const BLOBS = "/var/lib/rancher/k3s/agent/containerd/io.containerd.content.v1.content/blobs/sha256";

const LOOK_EVERY_MS = 100;

/**
 * Notes how long the pods of this node may take to end, and by which signals. Called before k3s stops, because nobody
 * can be asked afterwards. Without an answer, every pod has Kubernetes' default.
 */
export async function notePods(host: Host): Promise<void> {
  host.remove(NOTES);
  const access = kubeletAccess(host);
  const name = readNodeName(host) ?? host.readText("/proc/sys/kernel/hostname").trim();
  const answer = access && (await askApi(host, access, `/api/v1/pods?fieldSelector=spec.nodeName%3D${name}`));
  if (!answer?.answers || answer.status !== 200) return;
  const { items } = JSON.parse(answer.body) as { readonly items: readonly EndingPod[] };
  const blob = (sha256: string) => readTextIf(host, `${BLOBS}/${sha256}`);
  const signalOf = (imageId: string) => stopSignalOf(imageId, blob, ARCHITECTURES[OWN_ARCHITECTURE].go);
  host.write(NOTES, JSON.stringify(notesOf(items, signalOf)));
}

/**
 * Ends all containers at once, each with the signal that its image wants and in the time that its pod asks for. Returns
 * when the last one has ended. k3s and containerd are stopped already: nothing starts them again.
 */
export async function endPods(host: Host): Promise<void> {
  const notes = JSON.parse(readTextIf(host, NOTES) ?? JSON.stringify(NO_NOTES)) as PodNotes;
  let left = endingsOf(runningContainers(host), notes).filter(({ cgroup }) => isPopulated(host, cgroup));
  for (const signal of new Set(left.map((ending) => ending.signal))) {
    await host.exec(["kill", "-s", signal, ...left.filter((ending) => ending.signal === signal).map(({ pid }) => pid)]);
  }
  const start = host.monotonic();
  for (;;) {
    left = left.filter(({ cgroup }) => isPopulated(host, cgroup));
    const late = overdue(left, host.monotonic() - start);
    for (const { cgroup } of late) killAll(host, cgroup);
    if (late.length > 0) logToKernel(host, `containers that did not end in their time: ${late.length}`);
    left = left.filter((ending) => !late.includes(ending));
    if (left.length === 0) return;
    await host.sleep(LOOK_EVERY_MS);
  }
}

function runningContainers(host: Host): readonly RunningContainer[] {
  if (host.stat(BUNDLES) === undefined) return [];
  return host.list(BUNDLES).flatMap((id) => {
    const config = readTextIf(host, `${BUNDLES}/${id}/config.json`);
    const pid = readTextIf(host, `${BUNDLES}/${id}/init.pid`);
    return (config && pid && containerIn(id, config, pid)) || [];
  });
}

/** Whether a process is left in a cgroup, or below it (Documentation/admin-guide/cgroup-v2.rst). */
function isPopulated(host: Host, cgroup: string): boolean {
  return onCgroup(() => readTextIf(host, `${cgroup}/cgroup.events`)?.includes("populated 1")) ?? false;
}

function killAll(host: Host, cgroup: string): void {
  onCgroup(() => host.poke(`${cgroup}/cgroup.kill`, "1"));
}

/** A cgroup may disappear at any moment. */
function onCgroup<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
