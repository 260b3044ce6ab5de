import type { Host } from "../../host/host.ts";
import { isStarted, restartsOf } from "../openrc.ts";
import { askApi, kubeletAccess } from "./api.ts";
import { type ApiObservation, conditionIn, type LocalObservation, type Observation } from "./judge.ts";

const CONTAINERD = "/run/k3s/containerd/containerd.sock";
/** The kubelet's `healthzPort`, which only this machine reaches. */
const HEALTHZ = "http://127.0.0.1:10248/healthz";
/** curl(1): it could not connect, or it got no answer in time. */
const TIMEOUT = 28;
const NO_ANSWER = [7, TIMEOUT];

/** Observes all of a node. `name` is the one by which Kubernetes knows it. */
export async function observeHealth(host: Host, name: string): Promise<Observation> {
  const [local, api] = await Promise.all([observeLocal(host), observeApi(host, name)]);
  return { ...local, api };
}

/** Observes what shows without the API. Without k3s, nobody is there who could be asked. */
export async function observeLocal(host: Host): Promise<LocalObservation> {
  const k3s = { started: isStarted(host, "k3s"), restarts: restartsOf(host, "k3s") };
  return { k3s, ...(k3s.started ? await observeParts(host) : { kubelet: false, containerd: "absent" }) };
}

/** Asks the API for this node, as its kubelet. */
export async function observeApi(host: Host, name: string): Promise<ApiObservation> {
  const access = kubeletAccess(host);
  if (access === undefined) return { answers: false, reason: "k3s has made no credentials yet", refused: false };
  const answer = await askApi(host, access, `/api/v1/nodes/${name}`);
  if (!answer.answers) return answer;
  const { status, body } = answer;
  if (status === 200) return { answers: true, node: conditionIn(body) };
  if (status === 404) return { answers: true, node: undefined };
  return { answers: false, reason: `it says ${status}`, refused: true };
}

/** By one curl: its start is most of the work. */
async function observeParts(host: Host): Promise<Pick<LocalObservation, "kubelet" | "containerd">> {
  const hasContainerd = host.stat(CONTAINERD) !== undefined;
  // It refuses such a request, because it is none of gRPC. Only a containerd that works does.
  const containerd = ["--http2-prior-knowledge", "--unix-socket", CONTAINERD, "http://containerd/"];
  const requests = [["--fail", HEALTHZ], ...(hasContainerd ? [containerd] : [])];
  const words = requests.flatMap((request) => ["--next", ...LIMITS, ...request]).slice(1);
  const { stdout } = await host.exec(["curl", ...words], { timeoutMs: 8000 });
  const [kubelet, answer = TIMEOUT] = stdout.trim().split("\n").map(Number);
  return {
    kubelet: kubelet === 0,
    containerd: !hasContainerd ? "absent" : NO_ANSWER.includes(answer) ? "silent" : "answers",
  };
}

/** Of each request. It prints curl's status of it. */
const LIMITS = [
  ...["--silent", "--output", "/dev/null", "--noproxy", "*", "--max-time", "3"],
  ...["--write-out", "%{exitcode}\n"],
];
