import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { ImageJson } from "../../image/image-json.ts";
import type { MachineStatus } from "../../kubernetes/machine.ts";
import { isoTime } from "../../kubernetes/time.ts";
import type { GivenUp, LocalState } from "../../management/observed.ts";
import { bootId } from "../boot-id.ts";
import { readFacts } from "../facts.ts";
import { kindOfOwn } from "../images/own.ts";
import { sha256Of } from "../images/parts.ts";
import { IMAGE_JSON, STATE, TRIAL_KEPT } from "../places.ts";
import { JOURNAL, type Journal, type Refused, readJournal, refusalOf } from "../slots/journal.ts";
import { runningSlot } from "../slots/running.ts";
import { isTrial } from "../slots/trial.ts";
import { savedStages, uptime } from "../stages.ts";
import { type SlotState, type SlotStatus, type UpgradeStatus, upgradeStatus } from "../upgrade/describe.ts";
import { readNote } from "./note.ts";

const STATES: Readonly<Record<SlotState, NonNullable<MachineStatus["slots"]>[number]["state"]>> = {
  current: "Running",
  trial: "OnTrial",
  armed: "Staged",
  staged: "Staged",
  refused: "Failed",
  previous: "Previous",
};

/**
 * Reads what this node is. Reading the slots means mounting the ESP, so that is done again only when the journal has
 * changed: whatever changes a slot writes it.
 */
export function localReader(host: Host): () => Promise<LocalState> {
  const kernel = readTextIf(host, "/proc/sys/kernel/osrelease")?.trim();
  const json = JSON.parse(host.readText(IMAGE_JSON)) as ImageJson;
  const kubernetes = json.kubernetes?.version;
  const image = { version: json.version, ...(kernel && { kernel }), ...(kubernetes && { kubernetes }) };
  const kind = kindOfOwn(json);
  const boot = bootOf(host);
  let known: { readonly mark: string; readonly slots: UpgradeStatus } | undefined;
  let inMemory: string | undefined;

  return async () => {
    const note = readNote(host);
    const common = { bootId: bootId(host), kind, ...(boot && { boot }), note };
    const slot = runningSlot(host);
    if (readFacts(host).mode !== "local" || slot === undefined) {
      // Of image.json in the root, because nothing else of the image is there: nobody publishes that sum.
      inMemory ??= `sha256:${await sha256Of(host, IMAGE_JSON)}`;
      const identity = { ...image, digest: inMemory };
      return { ...common, hasSlots: false, image: identity, slots: [], onTrial: isTrial(host), refused: [] };
    }
    const mark = markOf(host);
    if (known?.mark !== mark) known = { mark, slots: await upgradeStatus(host) };
    const journal = readJournal(host, STATE);
    const { slots } = known.slots;
    const running = slots.find((one) => one.running);
    const other = slots.find((one) => !one.running);
    const downtime = journal.last?.downtime_s;
    const hindrance =
      running?.state === "current" || running?.state === "trial"
        ? undefined
        : `this boot runs from slot ${slot}, which is not the one that is kept: sudo k3os rollback keeps it`;
    return {
      ...common,
      ...(boot && { boot: { ...boot, ...(downtime !== undefined && { downtimeSeconds: downtime }) } }),
      hasSlots: true,
      image: { ...image, digest: running?.digest ?? "" },
      slots: slots.map((one) => shown(one, journal)),
      onTrial: isTrial(host),
      hindrance,
      staged: other?.digest,
      // A config that was given up is no reason against its image.
      refused: journal.refused.filter(({ revision }) => revision === undefined).map(givenUp),
    };
  };
}

/** Changes whenever the slots may have: with the journal, and when a trial is kept. */
function markOf(host: Host): string {
  const stat = host.stat(`${STATE}${JOURNAL}`);
  return `${stat?.mtime} ${stat?.size} ${host.stat(TRIAL_KEPT) !== undefined} ${host.readText("/proc/cmdline")}`;
}

function shown({ slot, version, digest, state, running, ...why }: SlotStatus, journal: Journal) {
  const refused = refusalOf(journal, digest);
  return {
    ...{ name: slot, version, digest, state: running && state !== "trial" ? ("Running" as const) : STATES[state] },
    ...(why.reason !== undefined && { message: why.reason }),
    ...(why.stage !== undefined && { stage: why.stage }),
    ...(refused !== undefined && state === "refused" && { at: isoTime(refused.at) }),
  };
}

function givenUp({ digest, reason, stage, at }: Refused): GivenUp {
  return { key: digest, message: stage === undefined ? reason : `${reason} (at the stage ${stage})`, at };
}

/** When the kernel started, and how long it took until all services had. */
function bootOf(host: Host): MachineStatus["boot"] {
  const at = isoTime(host.now() - uptime(host) * 1000);
  const services = savedStages(host).find(({ stage }) => stage === "services")?.uptime_s;
  return { at, ...(services !== undefined && { tookSeconds: Math.round(services) }) };
}
