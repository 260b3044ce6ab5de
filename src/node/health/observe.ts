import type { Host } from "../../host/host.ts";
import { isStarted, restartsOf } from "../openrc.ts";
import { askApi, kubeletAccess } from "./api.ts";
import { type ApiObservation, conditionIn, type LocalObservation, type Observation } from "./judge.ts";

const CONTAINERD = "/run/k3s/containerd/containerd.sock";
/** The kubelet's `healthzPort`, which only this machine reaches. */
const HEALTHZ = "http://127.0.0.1:10248/healthz";
/** curl(1): it could not connect, or it got no answer in time. */
const NO_ANSWER = [7, 28, 124];

/** Observes all of a node. `name` is the one by which Kubernetes knows it. */
export async function observeHealth(host: Host, name: string): Promise<Observation> {
  const [local, api] = await Promise.all([observeLocal(host), observeApi(host, name)]);
  return { ...local, api };
}

/** Observes what shows without the API. */
export async function observeLocal(host: Host): Promise<LocalObservation> {
  const [kubelet, containerd] = await Promise.all([kubeletIsHealthy(host), observeContainerd(host)]);
  return { k3s: { started: isStarted(host, "k3s"), restarts: restartsOf(host, "k3s") }, kubelet, containerd };
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

async function kubeletIsHealthy(host: Host): Promise<boolean> {
  return (await curl(host, "--fail", HEALTHZ)) === 0;
}

async function observeContainerd(host: Host): Promise<LocalObservation["containerd"]> {
  if (host.stat(CONTAINERD) === undefined) return "absent";
  // It refuses such a request, because it is none of gRPC. Only a containerd that works does.
  const status = await curl(host, "--http2-prior-knowledge", "--unix-socket", CONTAINERD, "http://containerd/");
  return NO_ANSWER.includes(status) ? "silent" : "answers";
}

async function curl(host: Host, ...words: string[]): Promise<number> {
  const limits = ["--silent", "--output", "/dev/null", "--noproxy", "*", "--max-time", "3"];
  return (await host.exec(["curl", ...limits, ...words], { timeoutMs: 5000 })).status;
}
