import type { Host } from "../../host/host.ts";
import { SLOTS, type SlotName } from "../../image/boot-env.ts";
import { STATE } from "../places.ts";
import { withEsp } from "../slots/esp.ts";
import { refusalInSlot } from "../slots/given-up.ts";
import { nameOf, nameOfRevision, type Outcome, readJournal } from "../slots/journal.ts";
import { layerOfSlot } from "../slots/layer-file.ts";
import { runningSlot } from "../slots/running.ts";
import { readSlots } from "../slots/slots.ts";
import { isTrial } from "../slots/trial.ts";

/** What a slot is for the node now. */
export type SlotState =
  /** It runs and is kept. */
  | "current"
  /** It runs, and it is not decided yet whether it is kept. */
  | "trial"
  /** The next boot tries it. */
  | "armed"
  /** Nothing boots it yet. */
  | "staged"
  /** It was tried and given up. */
  | "refused"
  /** The version before. */
  | "previous";

export interface SlotStatus {
  readonly slot: SlotName;
  readonly version: string;
  /** `sha256:…` of its `image.json`. */
  readonly digest: string;
  /** The revision of the cluster's layer that it has; none if it has no such layer. */
  readonly revision?: string;
  readonly state: SlotState;
  readonly running: boolean;
  /** Why it was given up, and how far its trial had come. */
  readonly reason?: string;
  readonly stage?: string;
}

export interface UpgradeStatus {
  readonly slots: readonly SlotStatus[];
  /** How the last trial ended. */
  readonly last_upgrade?: Outcome;
}

/** The slots of a node that runs from a disk, and how its last upgrade ended. */
export function upgradeStatus(host: Host): Promise<UpgradeStatus> {
  return withEsp(host, async (esp) => {
    const { env, good, records } = readSlots(host, { esp, state: STATE });
    const journal = readJournal(host, STATE);
    const running = runningSlot(host);
    const stateOf = (slot: SlotName, digest: string): SlotState => {
      // The words of the command line stay when the trial is kept.
      if (slot === running && isTrial(host) && env?.trial === slot) return "trial";
      if (slot === good) return "current";
      if (env?.trial === slot) return "armed";
      if (refusalInSlot(host, journal, slot, digest) !== undefined) return "refused";
      return journal.candidate?.slot === slot || !journal.kept?.includes(digest) ? "staged" : "previous";
    };
    const slots = SLOTS.flatMap((slot): SlotStatus[] => {
      const record = records[slot];
      if (record === undefined) return [];
      const { version, digest } = record;
      const { revision } = layerOfSlot(host, slot);
      const refusal = refusalInSlot(host, journal, slot, digest);
      const why = refusal && { reason: refusal.reason, ...(refusal.stage !== undefined && { stage: refusal.stage }) };
      return [
        {
          slot,
          version,
          digest,
          ...(revision !== "" && { revision }),
          state: stateOf(slot, digest),
          running: slot === running,
          ...why,
        },
      ];
    });
    return { slots, ...(journal.last !== undefined && { last_upgrade: journal.last }) };
  });
}

const WORDS: Readonly<Record<SlotState, string>> = {
  current: "kept",
  trial: "on trial: not kept yet",
  armed: "tried at the next boot",
  staged: "staged",
  refused: "given up",
  previous: "the version before",
};

/** A line for each slot, and one for the last upgrade. */
export function upgradeLines({ slots, last_upgrade: last }: UpgradeStatus): string[] {
  const lines = slots.map(({ slot, version, revision, state, running, reason, stage }) => {
    const config = revision === undefined ? "" : ` with ${nameOfRevision(revision)}`;
    const why = reason === undefined || state !== "refused" ? "" : `${stage ? ` at stage ${stage}` : ""}: ${reason}`;
    return `slot ${slot}     ${version}${config}, ${WORDS[state]}${running ? ", runs" : ""}${why}`;
  });
  if (last === undefined) return lines;
  const took = last.downtime_s === undefined ? "" : `, down for ${last.downtime_s} s`;
  const at = new Date(last.at).toISOString().slice(0, 16).replace("T", " ");
  const word = last.result === "committed" ? "was kept" : "was given up";
  const what = last.revision === undefined ? "upgrade" : "trial  ";
  // The reason is in the line of the slot only as long as that holds what was given up.
  const why = last.revision === undefined || last.reason === undefined ? "" : `: ${last.reason}`;
  return [...lines, `${what}    ${nameOf(last)} ${word} at ${at} UTC${took}${why}`];
}
