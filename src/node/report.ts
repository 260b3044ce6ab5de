import { formatProblem, type Problem } from "../config/problem.ts";
import { readTextIf } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { doAll, type Failure } from "./failure.ts";
import { RUN } from "./places.ts";

/** What the last apply and the boot reported, for `k3os status` and the login prompt. */
const REPORT = `${RUN}/report.json`;
const ISSUE = "/etc/issue.d/50-config.issue";

export interface Report {
  readonly problems: readonly Problem[];
  readonly failures: readonly Failure[];
}

/**
 * Reports what is wrong on the console, and saves it for `k3os status`. Failures of the boot were printed when they
 * happened.
 */
export async function report(host: Host, problems: readonly Problem[], failures: readonly Failure[]): Promise<void> {
  const news = textOf(
    problems,
    failures.filter(({ boot }) => !boot),
  );
  if (news !== "") console.log(`k3OS: the configuration has problems\n${news}`);
  await doAll([
    () => host.write(REPORT, `${JSON.stringify({ problems, failures })}\n`, { mode: 0o600 }),
    () => showAtLogin(host, textOf(problems, failures)),
  ]);
}

/** The failures of this boot. They are reported until the next boot, whatever is applied. */
export function bootFailures(host: Host): Failure[] {
  return lastReport(host).failures.filter(({ boot }) => boot);
}

/** The last report of this boot. */
export function lastReport(host: Host): Report {
  const text = readTextIf(host, REPORT);
  return text === undefined ? { problems: [], failures: [] } : (JSON.parse(text) as Report);
}

function textOf(problems: readonly Problem[], failures: readonly Failure[]): string {
  const lines = [
    ...problems.map((problem) => formatProblem(problem)),
    ...failures.map(({ step, reason }) => `error: ${step}: ${reason}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function showAtLogin(host: Host, text: string): void {
  if (text === "") {
    host.remove(ISSUE);
    return;
  }
  host.mkdir("/etc/issue.d");
  // agetty interprets backslashes.
  host.write(ISSUE, `${text.replaceAll("\\", "\\\\")}\n`);
}
