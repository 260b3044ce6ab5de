import type { Host } from "../../host/host.ts";
import { reasonOf } from "../failure.ts";
import { isAway, judge, localChecks } from "../health/judge.ts";
import { observeApi, observeLocal } from "../health/observe.ts";
import { readNodeName } from "../node-name.ts";
import { type Course, due, type FailedCheck, type Look } from "./decide.ts";
import { neighbourAnswers } from "./neighbours.ts";
import type { TrialSettings } from "./settings.ts";
import { failedChecks } from "./user-checks.ts";

/** After this the neighbours are asked again, well before their last answer counts no more. */
const ASK_AGAIN_S = 20;

/**
 * Looks at the node, `at` seconds on the clock of the trial, after the looks of `before`. What cannot be observed is
 * not healthy. A look is work for a small processor, so it asks nobody whose answer decides nothing.
 */
export async function look(
  host: Host,
  { role, needsNetwork = false }: Pick<TrialSettings, "role" | "needsNetwork">,
  at: number,
  before?: Course,
): Promise<Look> {
  try {
    const local = await observeLocal(host);
    const verdict = judge(localChecks(local));
    const api = verdict.good ? await observeApi(host, nodeNameOf(host)) : undefined;
    const matters = (needsNetwork && verdict.good) || (role === "agent" && isAway(api));
    const isHeard = before?.heardAt !== undefined && at - before.heardAt < ASK_AGAIN_S;
    const neighbour = matters && !isHeard ? await neighbourAnswers(host) : undefined;
    return { at, local: verdict, restarts: local.k3s.restarts, api, neighbour };
  } catch (error) {
    const local = { good: false, reason: `the node cannot be observed: ${reasonOf(error)}` };
    return { at, local, restarts: 0, api: undefined, neighbour: undefined };
  }
}

/** Whether the user's checks decide now. */
export function userChecksDecide(settings: TrialSettings, course: Course): boolean {
  return settings.checks.length > 0 && due(settings, course) !== undefined;
}

/** Runs the user's checks, which decide now, and returns those that do not pass. */
export async function failedUserChecks(
  host: Host,
  settings: TrialSettings,
  course: Course,
): Promise<readonly FailedCheck[]> {
  // A check that hangs must not carry a trial far beyond its deadline.
  const limitS = Math.max(settings.deadlineS - course.last.at, 10);
  return failedChecks(host, settings.checks, {
    nodeName: nodeNameOf(host),
    api: due(settings, course) === "ready",
    limitS,
  });
}

function nodeNameOf(host: Host): string {
  return readNodeName(host) ?? host.readText("/proc/sys/kernel/hostname").trim();
}
