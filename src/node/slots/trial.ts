import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { type BootEnv, otherSlot, type SlotName, TRIES, type TrialStage } from "../../image/boot-env.ts";
import { CURRENT, SYSTEM } from "../../image/disk.ts";
import { IMAGE_JSON, STATE, TRIAL_KEPT, TRIAL_REFUSED } from "../places.ts";
import { neighbourAnswers } from "../trial/neighbours.ts";
import { readEnv, writeEnv } from "./env.ts";
import { withEsp } from "./esp.ts";
import { runningImage } from "./given-up.ts";
import {
  type Candidate,
  changeJournal,
  type Deployment,
  JOURNAL,
  keptWith,
  nameOf,
  readJournal,
  withCommitted,
  withRefused,
} from "./journal.ts";
import { runningSlot, runningSystem } from "./running.ts";
import { readSlots } from "./slots.ts";
import { linkCurrent } from "./stage.ts";

/** The deployment that this boot tries. */
export interface Trial extends Deployment {
  readonly slot: SlotName;
  /** Whether anybody on the network answered before. */
  readonly heard?: boolean;
  /** Tells one trial from another of the same image. */
  readonly trialId?: string;
  /** Why it was given up already, if this is one more boot of it. */
  readonly refused?: string;
}

/** Whether this boot is a trial that is not decided yet. The words of the command line stay when it is kept. */
export function isTrial(host: Host): boolean {
  if (host.stat(TRIAL_KEPT) !== undefined) return false;
  return host.readText("/proc/cmdline").trim().split(/\s+/).includes("k3os.trial");
}

/** The deployment that this boot tries; `undefined` if this boot is no trial. */
export function onTrial(host: Host): Trial | undefined {
  const slot = isTrial(host) ? runningSlot(host) : undefined;
  if (slot === undefined) return undefined;
  const journal = readJournal(host, STATE);
  const { candidate } = journal;
  const refused = readTextIf(host, TRIAL_REFUSED);
  if (candidate?.slot === slot) {
    const { heard, trialId } = candidate;
    const noted = { ...(heard && { heard }), ...(trialId && { trialId }) };
    return { slot, ...deploymentOf(candidate), ...noted, ...(refused !== undefined && { refused }) };
  }
  // The directory of the image on the state partition tells the beginning of its digest, the journal the rest.
  const directory = runningSystem(host) ?? "";
  const start = `sha256:${directory.slice(directory.lastIndexOf("-") + 1)}`;
  const known = journal.refused.findLast(({ digest }) => digest.startsWith(start));
  if (known !== undefined) return { slot, ...deploymentOf(known), refused: known.reason };
  const { version } = JSON.parse(host.readText(IMAGE_JSON)) as { version: string };
  return { slot, version, digest: start, refused: "nothing is to be tried" };
}

/** What it is, without what is noted of it. */
function deploymentOf({ version, digest, revision }: Deployment): Deployment {
  return { version, digest, ...(revision !== undefined && { revision }) };
}

/** Notes what a slot holds that nothing boots yet. */
export async function noteStaged(host: Host, candidate: Omit<Candidate, "phase">): Promise<void> {
  await changeJournal(host, STATE, (journal) => ({ ...journal, candidate: { ...candidate, phase: "staged" } }));
}

/**
 * Makes the next boot a trial of what is staged in `candidate.slot`. The journal comes first: a power cut in between
 * leaves a deployment that is armed in the journal only, and the next boot notes that.
 */
export async function armTrial(host: Host, esp: string, candidate: Omit<Candidate, "phase">): Promise<void> {
  const heard = await neighbourAnswers(host, { byGateway: true });
  const trialId = readTextIf(host, "/proc/sys/kernel/random/uuid")?.trim();
  const running = await runningImage(host);
  await changeJournal(host, STATE, (journal) => {
    const { candidate: before } = journal;
    const isSame = before?.digest === candidate.digest && before.revision === candidate.revision;
    const unstarted = isSame ? before.unstarted : undefined;
    return {
      ...journal,
      // What runs now is what a rollback will go back to.
      kept: keptWith(journal, running.digest),
      candidate: {
        ...candidate,
        phase: "armed",
        ...(heard && { heard }),
        ...(trialId && { trialId }),
        ...(unstarted !== undefined && { unstarted }),
      },
    };
  });
  const env = readEnv(host, esp);
  const good = env?.good ?? runningSlot(host) ?? "a";
  await writeEnv(host, esp, { good, trial: candidate.slot, left: TRIES });
}

/** Notes when the services began to stop for the trial, so that its downtime is known. */
export async function noteStop(host: Host): Promise<void> {
  await changeJournal(host, STATE, (journal) => {
    const { candidate } = journal;
    return candidate && { ...journal, candidate: { ...candidate, stoppedAt: host.now() } };
  });
}

/**
 * Keeps the deployment on trial. Power may fail at any moment: until the environment block says so, the next boot is
 * another try or the good slot. `readyAt` is when the node was Ready, in milliseconds since 1970. Returns whether it is
 * kept: somebody may have given it up meanwhile.
 */
export async function commitTrial(host: Host, { readyAt }: { readonly readyAt?: number } = {}): Promise<boolean> {
  const trial = onTrial(host);
  if (trial === undefined || trial.refused !== undefined) return false;
  const { candidate } = await changeJournal(
    host,
    STATE,
    (journal) => journal.candidate && { ...journal, candidate: { ...journal.candidate, phase: "committing" } },
  );
  if (candidate === undefined) return false;
  await withEsp(host, (esp) => writeEnv(host, esp, { good: candidate.slot }));
  await finishCommit(host, candidate, downtimeOf(candidate, readyAt));
  host.write(TRIAL_KEPT, "");
  return true;
}

/** Seconds; `undefined` if the clock was set in between, or nobody has noted the stop. */
function downtimeOf({ stoppedAt }: Candidate, readyAt: number | undefined): number | undefined {
  if (stoppedAt === undefined || readyAt === undefined) return undefined;
  const seconds = Math.round((readyAt - stoppedAt) / 100) / 10;
  return seconds > 0 && seconds < 86_400 ? seconds : undefined;
}

async function finishCommit(host: Host, candidate: Candidate, downtime: number | undefined): Promise<void> {
  const system = runningSystem(host);
  if (system !== undefined) await linkCurrent(host, STATE, system);
  await changeJournal(host, STATE, (journal) => withCommitted(journal, candidate, host.now(), downtime));
}

/** Gives up the deployment on trial. The next boot is the good slot. The caller restarts the machine. */
export async function returnFromTrial(host: Host, reason: string): Promise<void> {
  const { candidate } = readJournal(host, STATE);
  await withEsp(host, async (esp) => {
    const env = readEnv(host, esp);
    if (candidate !== undefined) {
      const refused = { ...deploymentOf(candidate), reason, stage: env?.stage, at: host.now() };
      await changeJournal(host, STATE, (journal) => withRefused(journal, refused));
    }
    // Whoever was about to keep it may have been killed after the block was told.
    const isKept = env !== undefined && env.good === candidate?.slot;
    if (isKept) await writeEnv(host, esp, { good: otherSlot(env.good) });
    else if (env?.trial !== undefined) await writeEnv(host, esp, { good: env.good });
  });
}

/** Makes the environment block anew: the slot that runs is good. Returns a sentence. */
export async function repairEnv(host: Host): Promise<string> {
  const good = runningSlot(host) ?? "a";
  await withEsp(host, (esp) => writeEnv(host, esp, { good }));
  return `the environment block of the boot menu was damaged; it is made anew, with slot ${good}`;
}

/**
 * What a boot that is no trial has to note of an earlier one, because that ended without a word: in a panic, by the
 * watchdog, by a power cut. Costs a look at a file if there was none. Returns a sentence if something was noted.
 */
export async function settleTrial(host: Host): Promise<string | undefined> {
  if (readTextIf(host, `${STATE}${JOURNAL}`) === undefined || isTrial(host)) return undefined;
  await correctCurrent(host);
  const { candidate } = readJournal(host, STATE);
  if (candidate === undefined || candidate.phase === "staged") return undefined;
  return withEsp(host, async (esp) => {
    const env = readEnv(host, esp);
    const outcome = outcomeOf(candidate, env);
    const { stoppedAt: at, unstarted = 0, ...due } = candidate;
    // Otherwise it would be armed, and the machine restarted for it, for ever.
    const isLast = unstarted > 0 && at !== undefined;
    if (outcome === "untried" && !isLast) {
      // Not by any later restart: whoever wants it asks for it again. First, so that nothing noted as staged is tried.
      if (env !== undefined) await writeEnv(host, esp, { good: env.good });
      await noteStaged(host, { ...due, unstarted: unstarted + 1 });
      return `${nameOf(candidate)} is staged, and was not tried: the boot menu started something else`;
    }
    if (outcome === "committed") {
      await finishCommit(host, candidate, undefined);
      return `${nameOf(candidate)} was kept`;
    }
    if (outcome === "disarmed") {
      await noteStaged(host, candidate);
      return `${nameOf(candidate)} is staged, and was not armed`;
    }
    const reason = outcome === "untried" ? NOT_STARTED : stoppedAt(env?.stage);
    const refused = { ...deploymentOf(candidate), reason, stage: env?.stage, at: host.now() };
    await changeJournal(host, STATE, (journal) => withRefused(journal, refused));
    if (env?.trial !== undefined) await writeEnv(host, esp, { good: env.good });
    return `the trial of ${nameOf(candidate)} ended: ${reason}`;
  });
}

/**
 * Brings the link to the slot that is kept: a power cut may have come after the environment block was told, as by a
 * rollback. Copies of the datastore have their names from it. Reads the ESP only if it leads elsewhere.
 */
async function correctCurrent(host: Host): Promise<void> {
  const [slot, system] = [runningSlot(host), runningSystem(host)];
  const link = `${STATE}${CURRENT}`;
  const target = host.stat(link)?.type === "link" ? host.readLink(link) : undefined;
  if (slot === undefined || system === undefined || `${SYSTEM}/${target}` === system) return;
  const { good } = await withEsp(host, async (esp) => readSlots(host, { esp, state: STATE }));
  if (slot === good) await linkCurrent(host, STATE, system);
}

/** What the environment block says about a candidate that is armed in the journal. */
export function outcomeOf(
  { slot }: Pick<Candidate, "slot">,
  env: BootEnv | undefined,
): "committed" | "untried" | "stopped" | "disarmed" {
  if (env === undefined) return "stopped";
  if (env.good === slot) return "committed";
  if (env.trial !== slot) return "disarmed";
  return env.left === TRIES ? "untried" : "stopped";
}

const NOT_STARTED = "the boot menu did not start it, twice: another entry was chosen, or it could not count the try";

function stoppedAt(stage: TrialStage | undefined): string {
  if (stage === undefined) return "its kernel could not be started, or stopped before its initrd began";
  return `it stopped after the stage "${stage}" without a word (a panic, a hang or a power cut)`;
}
