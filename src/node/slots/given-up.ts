/** Configs of the cluster that were tried on this node and given up. The journal of the slots remembers them. */
import type { Host } from "../../host/host.ts";
import type { SlotName } from "../../image/boot-env.ts";
import { SYSTEM } from "../../image/disk.ts";
import { sha256Of } from "../images/parts.ts";
import { IMAGE_JSON, RUN, STATE } from "../places.ts";
import {
  changeJournal,
  type Deployment,
  type Journal,
  type Refused,
  readJournal,
  refusalOf,
  withRefused,
} from "./journal.ts";
import { layerOfSlot } from "./layer-file.ts";
import { runningSlot, runningSystem } from "./running.ts";

/** A system without slots has a journal of this boot. */
const journalRoot = (host: Host): string => (runningSlot(host) === undefined ? `${RUN}/live` : STATE);

/** The image that runs. One that is in no slot has a digest of its own, which is none of an image. */
export async function runningImage(host: Host): Promise<Deployment> {
  const { version } = JSON.parse(host.readText(IMAGE_JSON)) as { version: string };
  const system = runningSlot(host) && runningSystem(host);
  if (system === undefined) return { version, digest: `live:${version}` };
  return { version, digest: `sha256:${await sha256Of(host, `${STATE}${system}/image.json`)}` };
}

/** Why this revision of the cluster's layer is not tried again on the image that runs; `undefined` if it may be. */
export async function refusalOfRevision(host: Host, revision: string): Promise<Refused | undefined> {
  const journal = readJournal(host, journalRoot(host));
  if (journal.refused.every((entry) => entry.revision !== revision)) return undefined;
  return refusalOf(journal, (await runningImage(host)).digest, revision);
}

/** Why what this slot holds was given up: its image, or only its config on an image that is kept. */
export function refusalInSlot(host: Host, journal: Journal, slot: SlotName, digest: string): Refused | undefined {
  return refusalOf(journal, digest) ?? refusalOf(journal, digest, layerOfSlot(host, slot).revision);
}

/** Remembers that a revision was given up on the image that runs. */
export async function refuseRevision(host: Host, revision: string, reason: string): Promise<void> {
  const root = journalRoot(host);
  const refused = { ...(await runningImage(host)), revision, reason, at: host.now() };
  host.mkdir(`${root}${SYSTEM}`);
  await changeJournal(host, root, (journal) => {
    const { candidate } = journal;
    return { ...withRefused(journal, refused), ...(candidate && { candidate }) };
  });
}

/** Forgets what was given up, images and configs, so that it is tried once more. */
export async function forgetRefused(host: Host): Promise<void> {
  await changeJournal(host, journalRoot(host), (journal) =>
    journal.refused.length > 0 ? { ...journal, refused: [] } : undefined,
  );
}
