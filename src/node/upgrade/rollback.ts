import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { otherSlot, type SlotName } from "../../image/boot-env.ts";
import { withLock } from "../lock.ts";
import { STATE } from "../places.ts";
import { writeEnv } from "../slots/env.ts";
import { espDevice, withEsp } from "../slots/esp.ts";
import { type Deployment, readJournal, withCommitted, withRefused, writeJournal } from "../slots/journal.ts";
import { type Places, readSlots, runningSlot } from "../slots/slots.ts";
import { linkCurrent } from "../slots/stage.ts";
import { isTrial, returnFromTrial } from "../slots/trial.ts";

/** Why an image is not tried again that somebody went back from. */
const BY_HAND = "somebody went back from it: k3os rollback";

export interface RolledBack extends Deployment {
  readonly slot: SlotName;
  /** Whether it runs only after a restart. */
  readonly needsRestart: boolean;
}

/**
 * Goes back to the other image, without a trial: whoever asks for it wants to get away from the one that runs. A trial
 * is given up. Where the machine was started from the version before by hand, that one is kept.
 */
export function rollback(host: Host): Promise<RolledBack> {
  espDevice(host); // throws if there are no slots
  return withLock(host, "upgrade", async () => {
    if (isTrial(host)) return leaveTrial(host);
    return withEsp(host, (esp) => change(host, { esp, state: STATE }));
  });
}

async function leaveTrial(host: Host): Promise<RolledBack> {
  await returnFromTrial(host, BY_HAND);
  return withEsp(host, async (esp) => {
    const { good = "a", records } = readSlots(host, { esp, state: STATE });
    const { version = "the version before", digest = "" } = records[good] ?? {};
    return { slot: good, version, digest, needsRestart: true };
  });
}

async function change(host: Host, places: Places): Promise<RolledBack> {
  const { good = "a", records } = readSlots(host, places);
  const running = runningSlot(host) ?? good;
  const slot = running === good ? otherSlot(good) : running;
  const record = records[slot];
  if (record === undefined) {
    throw new K3osError("host", "there is no version before on this disk", {
      hint: "Name an image instead: sudo k3os upgrade --allow-downgrade …",
    });
  }
  const journal = readJournal(host, places.state);
  const left = records[otherSlot(slot)];
  const at = host.now();
  const noted =
    left === undefined
      ? journal
      : withRefused(journal, { version: left.version, digest: left.digest, reason: BY_HAND, at });
  await writeJournal(host, places.state, {
    ...withCommitted(noted, record, at),
    ...(noted.last && { last: noted.last }),
  });
  await writeEnv(host, places.esp, { good: slot });
  await linkCurrent(host, places.state, record.system);
  return { slot, version: record.version, digest: record.digest, needsRestart: slot !== running };
}
