import { readJsonIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import type { SlotName, TrialStage } from "../../image/boot-env.ts";
import { SYSTEM } from "../../image/disk.ts";
import { withLock } from "../lock.ts";

/** On the state partition. The environment block decides what boots; the journal tells why. */
export const JOURNAL = `${SYSTEM}/deployments.json`;

/** An image, by its identity and for people, and where a trial is of a config, that too. */
export interface Deployment {
  readonly version: string;
  /** `sha256:<hex>` of its `image.json`. */
  readonly digest: string;
  /**
   * The revision of the cluster's layer that is tried on an image which is kept already, empty for none. Where it is
   * not given, the image is what is tried, with the layer that the node has.
   */
  readonly revision?: string | undefined;
}

/** A deployment that is not kept yet. */
export interface Candidate extends Deployment {
  readonly slot: SlotName;
  /**
   * `staged`: whole in its slot. `armed`: the environment block was told to try it. `committing`: it was found healthy,
   * and the environment block is told to keep it.
   */
  readonly phase: "staged" | "armed" | "committing";
  /** Whether anybody on the network answered when it was armed. Then somebody has to in the trial, too. */
  readonly heard?: boolean;
  /** When the machine stopped for the trial, in milliseconds since 1970. */
  readonly stoppedAt?: number;
  /** How often it was armed, and the boot menu started something else. */
  readonly unstarted?: number;
  /** Tells one trial from another of the same image. */
  readonly trialId?: string;
}

/** A deployment that was given up. It is not tried again unless somebody asks for it. */
export interface Refused extends Deployment {
  readonly reason: string;
  /** How far the trial had come; none if it did not start. */
  readonly stage?: TrialStage | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** How the last trial ended. */
export interface Outcome extends Deployment {
  readonly result: "committed" | "returned";
  readonly at: number;
  readonly reason?: string;
  readonly stage?: TrialStage | undefined;
  /** Seconds from the stop of the services to a Ready node. */
  readonly downtime_s?: number;
}

export interface Journal {
  readonly format: 1;
  readonly candidate?: Candidate | undefined;
  readonly refused: readonly Refused[];
  readonly last?: Outcome | undefined;
  /** Digests of images that were healthy on this node, the latest last. Nothing else is gone back to. */
  readonly kept?: readonly string[] | undefined;
}

const EMPTY: Journal = { format: 1, refused: [] };
/** How many refused deployments are remembered. */
const REMEMBERED = 8;

/** The journal of the state partition mounted at `state`. A missing or damaged one is empty. */
export function readJournal(host: Host, state: string): Journal {
  const journal = readJsonIf(host, `${state}${JOURNAL}`) as Journal | undefined;
  return journal?.format === 1 && Array.isArray(journal.refused) ? journal : EMPTY;
}

/**
 * Changes it, while no other process does: `change` gets what is there by now, and returns `undefined` to leave it.
 * When this returns, it is on the disk, with everything that was written there before. Returns what it says then.
 */
export function changeJournal(
  host: Host,
  state: string,
  change: (journal: Journal) => Journal | undefined,
): Promise<Journal> {
  return withLock(host, "journal", async () => {
    const before = readJournal(host, state);
    const after = change(before);
    if (after === undefined) return before;
    host.write(`${state}${JOURNAL}`, `${JSON.stringify(after, null, 1)}\n`);
    await run(host, ["sync", "-f", `${state}${SYSTEM}`]);
    return after;
  });
}

/** The journal after a deployment was given up. */
export function withRefused(journal: Journal, refused: Refused): Journal {
  const others = journal.refused.filter((entry) => !isSame(entry, refused));
  return {
    format: 1,
    refused: [...others, refused].slice(-REMEMBERED),
    last: { ...refused, result: "returned" },
    ...(journal.kept && { kept: journal.kept }),
  };
}

/** The journal after a deployment was kept. */
export function withCommitted(
  journal: Journal,
  { version, digest, revision }: Deployment,
  at: number,
  downtime?: number,
): Journal {
  const last: Outcome = {
    ...{ version, digest, result: "committed", at },
    ...(revision !== undefined && { revision }),
    ...(downtime !== undefined && { downtime_s: downtime }),
  };
  const refused = journal.refused.filter((entry) => !isSame(entry, { digest, revision }));
  return { format: 1, refused, last, kept: keptWith(journal, digest) };
}

/** How many images are remembered that were kept. */
const KEPT = 4;

/** The images that were kept, and this one. */
export function keptWith({ kept = [] }: Journal, digest: string): readonly string[] {
  return [...kept.filter((one) => one !== digest), digest].slice(-KEPT);
}

/** Why this image was given up, or this revision of the cluster's layer on it, if it was. */
export function refusalOf({ refused }: Journal, digest: string, revision?: string): Refused | undefined {
  return refused.find((entry) => isSame(entry, { digest, revision }));
}

type Identity = Pick<Deployment, "digest" | "revision">;

const isSame = (a: Identity, b: Identity): boolean => a.digest === b.digest && a.revision === b.revision;

/** What messages call a deployment: its version, or the config that is tried. */
export function nameOf({ version, revision }: Pick<Deployment, "version" | "revision">): string {
  return revision === undefined ? version : nameOfRevision(revision);
}

/** What messages call a revision of the cluster's layer: enough of it to tell it from others. */
export function nameOfRevision(revision: string): string {
  return revision === "" ? "the config without MachineConfigs" : `config ${revision.slice(0, "sha256:".length + 12)}`;
}
