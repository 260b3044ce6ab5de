import type { Host } from "../../host/host.ts";
import { isFinished, isReady, type PodObject } from "../../kubernetes/node.ts";
import { reasonOf } from "../failure.ts";
import { askApi, kubeletAccess } from "../health/api.ts";
import type { FailedCheck } from "./decide.ts";

/** A check of `k3os.upgrade.checks`: a line for /bin/sh whose status must be 0, or pods of this node. */
export type UserCheck =
  | { readonly name: string; readonly command: string; readonly timeoutS: number }
  /** Without a selector, all pods of the namespace. */
  | { readonly name: string; readonly pods: { readonly namespace: string; readonly selector?: string | undefined } };

export interface CheckOptions {
  /** The name by which Kubernetes knows this node. */
  readonly nodeName: string;
  /** Whether the API can be asked for pods. Without it, only commands are run. */
  readonly api: boolean;
  /** No command runs for longer. */
  readonly limitS: number;
}

/** Runs the checks side by side, and returns those that do not pass. */
export async function failedChecks(
  host: Host,
  checks: readonly UserCheck[],
  options: CheckOptions,
): Promise<readonly FailedCheck[]> {
  const said = await Promise.all(checks.map((check) => runCheck(host, check, options).catch(reasonOf)));
  return checks.flatMap(({ name }, index) => {
    const words = said[index];
    return words === undefined ? [] : [{ name, said: words }];
  });
}

/** Why a check does not pass; `undefined` if it does. */
async function runCheck(host: Host, check: UserCheck, options: CheckOptions): Promise<string | undefined> {
  if ("command" in check) return runCommand(host, check.command, Math.min(check.timeoutS, options.limitS));
  return options.api ? askForPods(host, check.pods, options.nodeName) : undefined;
}

async function runCommand(host: Host, line: string, timeoutS: number): Promise<string | undefined> {
  const { status, stdout, stderr } = await host.exec(["sh", "-c", line], { timeoutMs: 1000 * timeoutS });
  if (status === 0) return undefined;
  if (status === 124) return `it did not end within ${timeoutS} s`;
  const last = `${stdout}\n${stderr}`.trim().split("\n").at(-1)?.slice(0, 200);
  return last ? `status ${status}, ${last}` : `status ${status}`;
}

async function askForPods(
  host: Host,
  { namespace, selector }: { readonly namespace: string; readonly selector?: string | undefined },
  nodeName: string,
): Promise<string | undefined> {
  const access = kubeletAccess(host);
  if (access === undefined) return "k3s has made no credentials yet";
  const query = [`fieldSelector=spec.nodeName%3D${nodeName}`];
  if (selector !== undefined) query.push(`labelSelector=${encodeURIComponent(selector)}`);
  const answer = await askApi(host, access, `/api/v1/namespaces/${namespace}/pods?${query.join("&")}`);
  if (!answer.answers) return `the API does not answer: ${answer.reason}`;
  if (answer.status !== 200) return `the API says ${answer.status}`;
  const { items } = JSON.parse(answer.body) as { readonly items: readonly PodObject[] };
  return judgePods(items, selector === undefined ? namespace : `${namespace}/${selector}`);
}

/** Why these pods do not pass; `undefined` if at least one is there and all are Ready. Finished pods do not count. */
export function judgePods(pods: readonly PodObject[], what: string): string | undefined {
  const living = pods.filter((pod) => !isFinished(pod));
  if (living.length === 0) return `no pod of ${what} runs on this node`;
  const waiting = living.filter((pod) => !isReady(pod)).map(({ metadata }) => metadata.name);
  if (waiting.length === 0) return undefined;
  const more = waiting.length > 1 ? ` and ${waiting.length - 1} more` : "";
  return `the pod ${waiting[0]}${more} is not Ready`.replace(/more is/, "more are");
}
