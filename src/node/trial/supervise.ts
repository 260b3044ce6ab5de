import type { Host } from "../../host/host.ts";
import { reasonOf } from "../failure.ts";
import { logToKernel } from "../kernel-log.ts";
import { withLock } from "../lock.ts";
import { enableRareService } from "../openrc.ts";
import { nameOf } from "../slots/journal.ts";
import { noteTrialStage } from "../slots/note.ts";
import { commitTrial, returnFromTrial, type Trial } from "../slots/trial.ts";
import { uptime } from "../stages.ts";
import { type Course, decide, follow } from "./decide.ts";
import { failedUserChecks, look, userChecksDecide } from "./look.ts";
import { readSettings, type TrialSettings } from "./settings.ts";
import { takeWatchdog, type Watchdog } from "./watchdog.ts";

const LOOK_EVERY_MS = 5000;
const FEED_EVERY_MS = 15_000;
/** A shutdown may take this long before the watchdog gets no more food. It resets the machine three minutes later. */
const SHUTDOWN_MS = 120_000;
/** After this the machine is reset even if it has no watchdog. */
const LAST_RESORT_MS = 240_000;

/** How a trial is noted, kept and given up; tests have their own. */
export interface Deployments {
  readonly note: typeof noteTrialStage;
  readonly keep: typeof commitTrial;
  readonly giveUp: typeof returnFromTrial;
}

const DEPLOYMENTS: Deployments = {
  note: noteTrialStage,
  // A `k3os rollback` meanwhile either gives the trial up before it is kept, or goes back from what was kept.
  keep: (host, options) => withLock(host, "upgrade", () => commitTrial(host, options)),
  giveUp: returnFromTrial,
};

/** Returns when the trial is kept. If it is given up, the machine restarts meanwhile. */
export async function superviseTrial(host: Host, trial: Trial, deployments = DEPLOYMENTS): Promise<void> {
  const say = teller(host, trial);
  const giveUp = (reason: string, watchdog?: Watchdog) => restartWithout(host, say, deployments, reason, watchdog);
  if (trial.refused !== undefined) return giveUp(trial.refused);
  const settings = { ...readSettings(host), needsNetwork: trial.heard === true };
  const notes = stageNotes(host, say, deployments);
  const now = clock(host);
  await notes.reached("services");
  let watchdog: Watchdog | undefined;
  let course: Course | undefined;
  let readyAt: number | undefined;
  for (;;) {
    course = follow(course, await look(host, settings, now(), course));
    if (course.last.local.good) await notes.reached("k3s");
    if (course.readySince === undefined) readyAt = undefined;
    else {
      readyAt ??= host.now();
      await notes.reached("ready");
    }
    const isDue = userChecksDecide(settings, course);
    const failed = isDue ? await feedWhile(host, watchdog, failedUserChecks(host, settings, course)) : [];
    const decision = decide(settings, course, failed);
    if (decision.kind === "return") return giveUp(decision.reason, watchdog);
    say(decision.kind === "commit" ? `${decision.reason}; it is kept` : decision.reason);
    if (decision.kind === "commit") {
      const hindrance = await keep(host, deployments, readyAt);
      if (hindrance === undefined) return settle(host, say, settings, watchdog);
      say(`it cannot be kept: ${hindrance}`);
      if (now() >= settings.deadlineS) return giveUp(`it could not be kept: ${hindrance}`, watchdog);
    }
    // Only now: a supervisor that ends before its first decision, again and again, must not keep the watchdog quiet.
    watchdog ??= await openWatchdog(host, say);
    watchdog?.feed();
    await host.sleep(LOOK_EVERY_MS);
  }
}

/** Why the deployment could not be kept; `undefined` if it is. */
async function keep(host: Host, deployments: Deployments, readyAt: number | undefined): Promise<string | undefined> {
  try {
    const isKept = await deployments.keep(host, readyAt === undefined ? {} : { readyAt });
    return isKept ? undefined : "somebody has given it up";
  } catch (error) {
    return reasonOf(error);
  }
}

/** Stops the watchdog of the trial. If the config asks for one, a service starts it again and feeds it from now on. */
async function settle(
  host: Host,
  say: Tell,
  { watchdog: goesOn }: TrialSettings,
  open: Watchdog | undefined,
): Promise<void> {
  const watchdog = open ?? (await openWatchdog(host, say));
  watchdog?.disarm();
  if (!goesOn) return;
  enableRareService(host, "watchdog");
  await host.exec(["rc-service", "watchdog", "start"], { inherit: true });
}

/** Gives the deployment up and restarts the machine, whatever fails on the way: the boot menu counts each try. */
async function restartWithout(
  host: Host,
  say: Tell,
  { giveUp }: Deployments,
  reason: string,
  watchdog: Watchdog | undefined,
): Promise<void> {
  say(`${reason}; it is given up, and this machine restarts with the system before`);
  await giveUp(host, reason).catch((error) => say(`this could not be noted: ${reasonOf(error)}`));
  await host.exec(["openrc-shutdown", "--reboot", "now"], { timeoutMs: 60_000 });
  for (let waited = 0; waited < SHUTDOWN_MS; waited += FEED_EVERY_MS) {
    watchdog?.feed();
    await host.sleep(FEED_EVERY_MS);
  }
  await host.sleep(LAST_RESORT_MS);
  // At once, without syncing (Documentation/admin-guide/sysrq.rst).
  host.poke("/proc/sysrq-trigger", "b");
}

/** Waits for work that may take longer than the watchdog waits. */
async function feedWhile<T>(host: Host, watchdog: Watchdog | undefined, work: Promise<T>): Promise<T> {
  let working = true;
  const ended = work.finally(() => {
    working = false;
  });
  while (working) {
    await Promise.race([ended, host.sleep(FEED_EVERY_MS)]);
    watchdog?.feed();
  }
  return ended;
}

async function openWatchdog(host: Host, say: Tell): Promise<Watchdog | undefined> {
  try {
    return await takeWatchdog(host);
  } catch (error) {
    say(`no watchdog: ${reasonOf(error)}`);
    return undefined;
  }
}

type Tell = (text: string) => void;

/** Says each sentence on the console, once in a row. */
function teller(host: Host, trial: Trial): Tell {
  let last = "";
  return (text) => {
    if (text !== last) logToKernel(host, `trial of ${nameOf(trial)}: ${text}`, { aloud: true });
    last = text;
  };
}

/** Notes each stage once. That it could not be noted is no reason to give a trial up. */
function stageNotes(host: Host, say: Tell, { note }: Deployments) {
  const noted = new Set<string>();
  return {
    async reached(stage: "services" | "k3s" | "ready"): Promise<void> {
      if (noted.has(stage)) return;
      noted.add(stage);
      await note(host, stage).catch((error) => say(`the stage cannot be noted: ${reasonOf(error)}`));
    },
  };
}

/** Seconds since the kernel started, on a clock that does not cost a file each time. */
function clock(host: Host): () => number {
  const start = uptime(host) - host.monotonic() / 1000;
  return () => Math.round(start + host.monotonic() / 1000);
}
