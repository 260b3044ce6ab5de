import { formatProblem, type Problem } from "../config/problem.ts";
import type { Host } from "../host/host.ts";
import type { Failure } from "./apply/apply.ts";

/** What `k3os status` and the login prompt repeat of the last apply. */
const REPORT = "/run/k3os/report.json";
const ISSUE = "/etc/issue.d/50-config.issue";

export interface Report {
  readonly problems: readonly Problem[];
  readonly failures: readonly Failure[];
}

/** Tells on the console what is wrong with the config, and keeps it for those who come later. */
export function report(host: Host, problems: readonly Problem[], failures: readonly Failure[]): void {
  const texts = [
    ...problems.map((problem) => formatProblem(problem)),
    ...failures.map(({ step, reason }) => `error: ${step}: ${reason}`),
  ];
  host.write(REPORT, `${JSON.stringify({ problems, failures })}\n`, { mode: 0o600 });
  if (texts.length === 0) {
    host.remove(ISSUE);
    return;
  }
  const text = `${texts.join("\n")}\n`;
  console.log(`k3OS: the configuration has problems\n${text}`);
  host.mkdir("/etc/issue.d");
  // agetty expands backslashes.
  host.write(ISSUE, `${text.replaceAll("\\", "\\\\")}\n`);
}

/** The last report of this boot. */
export function lastReport(host: Host): Report {
  return host.stat(REPORT) ? (JSON.parse(host.readText(REPORT)) as Report) : { problems: [], failures: [] };
}
