/** When a trial is good: the decision table. Pure; all times are seconds since the kernel started. */
import { type ApiObservation, apiChecks, isAway, judge, type Verdict } from "../health/judge.ts";

export interface Rules {
  readonly role: "server" | "agent";
  /** When a trial ends that is not healthy yet. A node that is just becoming stable has `stableForS` more. */
  readonly deadlineS: number;
  /** How long a node must be healthy without a break. */
  readonly stableForS: number;
  /** Whether somebody on the network has to answer, because somebody did before the trial. */
  readonly needsNetwork?: boolean;
}

/** The node at one moment. */
export interface Look {
  readonly at: number;
  /** What shows without the API. */
  readonly local: Verdict;
  /** How often k3s was restarted in this boot. */
  readonly restarts: number;
  /** `undefined` if it was not asked, because the node is not healthy without it. */
  readonly api: ApiObservation | undefined;
  /** Whether a neighbour, such as the gateway, answered; `undefined` if none was asked. */
  readonly neighbour: boolean | undefined;
}

/** What all looks so far say together. */
export interface Course {
  readonly last: Look;
  /** Since when the node is healthy without a break and without a restart of k3s. */
  readonly localSince: number | undefined;
  /** Since when it is Ready as well. */
  readonly readySince: number | undefined;
  /** When a neighbour last answered. */
  readonly heardAt: number | undefined;
}

/** A user's check that does not pass: its name, and what it said. */
export interface FailedCheck {
  readonly name: string;
  readonly said: string;
}

export interface Decision {
  readonly kind: "wait" | "commit" | "return";
  /** One sentence, without a full stop. */
  readonly reason: string;
}

/** A neighbour's answer counts for this long. The kernel asks again only after some seconds. */
const HEARD_FOR_S = 60;

/** The course after one more look. */
export function follow(before: Course | undefined, look: Look): Course {
  const isSteady = before === undefined || before.last.restarts === look.restarts;
  const since = (start: number | undefined, holds: boolean) =>
    holds ? ((isSteady ? start : undefined) ?? look.at) : undefined;
  const isReady = look.local.good && look.api !== undefined && judge(apiChecks(look.api)).good;
  return {
    last: look,
    localSince: since(before?.localSince, look.local.good),
    readySince: since(before?.readySince, isReady),
    heardAt: look.neighbour === true ? look.at : before?.heardAt,
  };
}

/** What the user's checks are run for: to keep a Ready node, to keep an agent whose API is away, or not yet. */
export function due(rules: Rules, course: Course): "ready" | "without-api" | undefined {
  const { last, readySince, localSince } = course;
  const holds = (since: number | undefined) => since !== undefined && last.at - since >= rules.stableForS;
  if (holds(readySince)) return isCutOff(rules, course) ? undefined : "ready";
  const isExcused = rules.role === "agent" && isAway(last.api) && isLate(rules, last) && isConnected(course);
  return isExcused && holds(localSince) ? "without-api" : undefined;
}

/** Decides by the course so far. `failed` are the user's checks that do not pass, of those that are due. */
export function decide(rules: Rules, course: Course, failed: readonly FailedCheck[] = []): Decision {
  const { last, readySince } = course;
  const late = isLate(rules, last);
  const limit = `within ${inWords(rules.deadlineS)}`;
  const what = due(rules, course);
  const [check] = failed;
  if (what !== undefined && check !== undefined) {
    const words = `${check.name}: ${check.said}`;
    if (late) return { kind: "return", reason: `a check did not pass ${limit}: ${words}` };
    return { kind: "wait", reason: `Ready, waiting for the check ${words}` };
  }
  if (what === "ready") return { kind: "commit", reason: `Ready for ${inWords(rules.stableForS)}` };
  if (what === "without-api") {
    return { kind: "commit", reason: `healthy, but the API did not answer ${limit}; the network works` };
  }
  if (readySince !== undefined && isCutOff(rules, course)) {
    if (late) return { kind: "return", reason: `cut off: nobody on the network has answered ${limit}` };
    return { kind: "wait", reason: "Ready, but nobody on the network answers" };
  }
  if (readySince !== undefined) {
    const stable = `stable for ${Math.floor(last.at - readySince)} of ${rules.stableForS} s`;
    // A node whose k3s is restarted again and again can be Ready at each look, and is never stable.
    if (readySince < rules.deadlineS) return { kind: "wait", reason: `Ready, ${stable}` };
    return { kind: "return", reason: `not stable ${limit}: k3s was restarted ${times(last.restarts)}` };
  }
  const reason = whyNotReady(last);
  if (!late) return { kind: "wait", reason };
  if (isAway(last.api) && rules.role === "agent") {
    if (!isConnected(course)) {
      return { kind: "return", reason: `not Ready ${limit}: neither the API nor any neighbour on the network answers` };
    }
    const healthy = Math.floor(last.at - (course.localSince ?? last.at));
    return {
      kind: "return",
      reason: `not stable ${limit}: healthy for ${healthy} of ${rules.stableForS} s, and ${reason}`,
    };
  }
  return { kind: "return", reason: `not Ready ${limit}: ${reason}` };
}

/** `30 s`, `10 min`, `90 s`. */
export function inWords(seconds: number): string {
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function whyNotReady({ local, api }: Look): string {
  return local.good && api !== undefined ? judge(apiChecks(api)).reason : local.reason;
}

function isLate({ deadlineS }: Rules, { at }: Look): boolean {
  return at >= deadlineS;
}

/** A server is Ready without a network, and then nobody else can use it. */
function isCutOff({ needsNetwork = false }: Rules, course: Course): boolean {
  return needsNetwork && !isConnected(course);
}

function isConnected({ last, heardAt }: Course): boolean {
  return heardAt !== undefined && last.at - heardAt <= HEARD_FOR_S;
}
