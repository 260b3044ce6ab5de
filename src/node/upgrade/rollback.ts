import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { otherSlot, type SlotName } from "../../image/boot-env.ts";
import type { SlotRecord } from "../../image/grub.ts";
import { withLock } from "../lock.ts";
import { STATE } from "../places.ts";
import { writeEnv } from "../slots/env.ts";
import { espDevice, withEsp } from "../slots/esp.ts";
import { refusalInSlot } from "../slots/given-up.ts";
import { changeJournal, type Deployment, readJournal, withCommitted, withRefused } from "../slots/journal.ts";
import { layerOfSlot } from "../slots/layer-file.ts";
import { runningSlot } from "../slots/running.ts";
import { type Places, readSlots } from "../slots/slots.ts";
import { linkCurrent } from "../slots/stage.ts";
import { isTrial, returnFromTrial } from "../slots/trial.ts";
import { copyOf, copySize, type DatastoreCopy, type K3s, requestRestore, whyNotRestorable } from "./datastore.ts";

/** Why an image is not tried again that somebody went back from. It was healthy once: one can go back to it. */
const BY_HAND = "somebody went back from it: k3os rollback";
const IN_ITS_TRIAL = "somebody gave it up in its trial: k3os rollback";
const BEFORE_ITS_TRIAL = "somebody gave it up before its trial: k3os rollback";

export interface RolledBack extends Deployment {
  readonly slot: SlotName;
  /** Whether it runs only after a restart. */
  readonly needsRestart: boolean;
}

/**
 * Goes back to the image before, without a trial: whoever asks for it wants to get away from the one that runs. A trial
 * is given up, also one that the next boot would be. An image that was never found healthy is nothing to go back to.
 * Where the machine was started from the version before by hand, that one is kept. With `restore`, the next boot puts
 * that copy of the datastore back, if it boots the image that the copy belongs to.
 */
export function rollback(host: Host, { restore }: { readonly restore?: DatastoreCopy } = {}): Promise<RolledBack> {
  espDevice(host); // throws if there are no slots
  return withLock(host, "upgrade", async () => {
    const target = await withEsp(host, async (esp) => targetOf(host, { esp, state: STATE }));
    // First: a power cut in between leaves a request for an image that does not run, which counts for nothing.
    if (restore !== undefined) await requestRestore(host, restore);
    if (target.trial === "runs") await returnFromTrial(host, IN_ITS_TRIAL);
    else if (target.trial === "armed") await returnFromTrial(host, BEFORE_ITS_TRIAL);
    else await withEsp(host, (esp) => change(host, { esp, state: STATE }, target));
    const { slot, record } = target;
    const needsRestart = slot !== runningSlot(host) || restore !== undefined;
    return { slot, version: record.version, digest: record.digest, needsRestart };
  });
}

/** What restoring the datastore would come to: the copy, and what it belongs to. */
export interface Restorable {
  readonly copy: DatastoreCopy;
  /** In bytes. */
  readonly size: number;
  /** The version that would run with it. */
  readonly version: string;
}

/** The copy that belongs to the image that `rollback` goes back to. Throws if there is none, or if it is no use. */
export async function restorable(host: Host, k3s: K3s | undefined): Promise<Restorable> {
  espDevice(host); // throws if there are no slots
  const why = whyNotRestorable(host, k3s);
  if (why !== undefined) {
    throw new K3osError("usage", `${why}, so it cannot be restored from here`, {
      hint: "Go back without it: sudo k3os rollback",
    });
  }
  const { record, trial } = await withEsp(host, async (esp) => targetOf(host, { esp, state: STATE }));
  if (trial === "armed") {
    throw new K3osError(
      "usage",
      `another image is about to be tried, and ${record.version} runs with its own datastore`,
      {
        hint: "Give that trial up: sudo k3os rollback",
      },
    );
  }
  const copy = copyOf(host, record.system);
  if (copy !== undefined) return { copy, size: copySize(host, copy), version: record.version };
  throw new K3osError("host", `there is no copy of the datastore that ${record.version} has written`, {
    hint: "Go back without it: sudo k3os rollback. Objects that only the newer version knows are ignored.",
  });
}

interface Target {
  readonly slot: SlotName;
  readonly record: SlotRecord;
  /** What the other slot holds. */
  readonly left: SlotRecord | undefined;
  /** Whether the other slot is on trial in this boot, or is to be in the next one, or was to be in this one. */
  readonly trial?: "runs" | "armed";
}

function targetOf(host: Host, places: Places): Target {
  const { env, good = "a", records } = readSlots(host, places);
  const running = runningSlot(host) ?? good;
  const other = otherSlot(good);
  const { candidate } = readJournal(host, places.state);
  const isUnstarted = candidate?.slot === other && candidate.unstarted !== undefined && running === good;
  const isDue = env?.trial === other || isUnstarted;
  const trial = isTrial(host) ? "runs" : isDue ? "armed" : undefined;
  const slot = trial === "runs" ? otherSlot(running) : trial === "armed" ? good : running === good ? other : running;
  const record = records[slot];
  if (record === undefined) throw nothingBefore("there is no version before on this disk");
  // What runs was chosen by hand.
  if (slot !== good && slot !== running) requireProven(host, places, slot, record);
  return { slot, record, left: records[otherSlot(slot)], ...(trial && { trial }) };
}

/** Throws if the image in this slot was never found healthy. */
function requireProven(host: Host, { state }: Places, slot: SlotName, { version, digest }: SlotRecord): void {
  const journal = readJournal(host, state);
  const refused = refusalInSlot(host, journal, slot, digest);
  const what = `there is no version before on this disk: slot ${slot} has ${version}, which`;
  if (refused !== undefined && refused.reason !== BY_HAND)
    throw nothingBefore(`${what} was given up: ${refused.reason}`);
  if (journal.candidate?.slot === slot) throw nothingBefore(`${what} is staged, and was never tried`);
  if (!journal.kept?.includes(digest)) throw nothingBefore(`${what} was never found healthy here`);
}

function nothingBefore(message: string): K3osError {
  return new K3osError("host", message, { hint: "Name an image instead: sudo k3os upgrade --allow-downgrade …" });
}

async function change(host: Host, places: Places, { slot, record, left }: Target): Promise<void> {
  const at = host.now();
  // Where both slots have one image, it is the config that somebody wants to get away from.
  const revision = left?.digest === record.digest ? layerOfSlot(host, otherSlot(slot)).revision : undefined;
  const refused = left && {
    ...{ version: left.version, digest: left.digest, reason: BY_HAND, at },
    ...(revision !== undefined && { revision }),
  };
  await changeJournal(host, places.state, (journal) => {
    const noted = refused === undefined ? journal : withRefused(journal, refused);
    return { ...withCommitted(noted, record, at), ...(noted.last && { last: noted.last }) };
  });
  await writeEnv(host, places.esp, { good: slot });
  await linkCurrent(host, places.state, record.system);
}
