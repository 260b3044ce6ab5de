import type { Config, UpgradeConfig } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import type { SlotName } from "../../image/boot-env.ts";
import type { Progress } from "../../progress.ts";
import { reasonOf } from "../failure.ts";
import { resolveChannel } from "../images/channel.ts";
import type { SourceImage } from "../images/image.ts";
import { openImage } from "../images/open.ts";
import { partsIn } from "../images/parts.ts";
import { type Trust, trustOf } from "../images/trust.ts";
import { withLock } from "../lock.ts";
import { isMounted } from "../mounts.ts";
import { STATE } from "../places.ts";
import { espDevice, mendEsp, withEsp } from "../slots/esp.ts";
import { type Deployment, readJournal } from "../slots/journal.ts";
import { carryLayer } from "../slots/layer-file.ts";
import { runningSlot } from "../slots/running.ts";
import { readSlots, type Slots } from "../slots/slots.ts";
import { makeRoomToFetch, stageImage } from "../slots/stage.ts";
import { armTrial, isTrial, noteStaged, noteStop } from "../slots/trial.ts";
import { armWatchdog } from "../trial/watchdog.ts";
import { requireRoomForCopy } from "./datastore.ts";
import { type NodeSlots, requireAllowed, requireSettled, whereIs } from "./judge.ts";

/**
 * Downloads, on the state partition: they may be larger than the memory, and go on after a break. Removed once the
 * image is staged.
 */
export const WORK = `${STATE}/k3os/upgrade`;

/** What is wanted. */
export interface UpgradeOptions {
  /** Where the image is; the channel of the config if not given. */
  readonly place: string | undefined;
  /** A version of the channel, instead of the latest one. */
  readonly version: string | undefined;
  /** What the image must be, `sha256:<hex>` of its `image.json`; whatever the channel has if not given. */
  readonly digest?: string | undefined;
  /** A public key that may sign this image, beside those of the config. */
  readonly key?: string | undefined;
  /** Put the image into its slot, and no more. */
  readonly stageOnly: boolean;
  /** Restart into the trial. */
  readonly reboot: boolean;
  readonly allowDowngrade: boolean;
  /** Try an image that was given up before. */
  readonly retry: boolean;
  /** Whether to wait a while for who holds the lock; true if not given. */
  readonly patient?: boolean;
}

/** What an upgrade came to. */
export interface Upgraded extends Deployment {
  /** `current`: it runs and is kept already. */
  readonly state: "current" | "staged" | "armed";
  readonly slot: SlotName;
}

/**
 * Puts an image into the slot that is not in use and arms a trial of it. What must not be tried is refused before
 * anything is fetched or written. It can be interrupted at any point, and goes on when it is run again. The caller
 * restarts the machine.
 */
export function upgrade(host: Host, config: Config, options: UpgradeOptions, progress: Progress): Promise<Upgraded> {
  espDevice(host); // throws if there are no slots
  const work = async () => {
    const before = await withEsp(host, async (esp) => readSlots(host, { esp, state: STATE }));
    const node: NodeSlots = { ...before, running: runningSlot(host), onTrial: isTrial(host) };
    requireSettled(node);
    const { version, digest } = options;
    // It was checked when it was staged: its source may be away by now.
    if (version !== undefined && digest !== undefined && whereIs(digest, node) !== "nowhere")
      return finish(host, { version, digest }, node, options);
    try {
      return await obtain(host, { node, slots: before, config, options, progress });
    } catch (error) {
      if (error instanceof AlreadyHere) {
        await removeWork(host); // of a run that was cut short after it had staged the image
        return finish(host, error.image, node, options);
      }
      throw error;
    } finally {
      await releaseMedium(host);
    }
  };
  return withLock(host, "upgrade", work, { progress, patient: options.patient ?? true });
}

interface Request {
  readonly node: NodeSlots;
  readonly slots: Slots;
  readonly config: Config;
  readonly options: UpgradeOptions;
  readonly progress: Progress;
}

/** Ends `openImage` when a slot has the image already. */
class AlreadyHere extends Error {
  readonly image: Deployment;
  constructor(image: Deployment) {
    super("a slot has it already");
    this.image = image;
  }
}

async function obtain(host: Host, { node, slots, config, options, progress }: Request): Promise<Upgraded> {
  const settings = config.k3os?.upgrade;
  const running = node.good === undefined ? undefined : node.records[node.good];
  const journal = readJournal(host, STATE);
  const allowed = { downgrade: options.allowDowngrade, retry: options.retry };
  const judge = (image: Deployment) => {
    if (whereIs(image.digest, node) !== "nowhere") throw new AlreadyHere(image);
    if (running !== undefined) requireAllowed(image, running, journal, allowed);
  };
  const wanted = await choose(host, { running: running?.version ?? "0", settings, config, options, progress });
  if (options.digest !== undefined && wanted.digest !== options.digest) {
    throw new K3osError("host", `the channel has another image as ${wanted.version} than the one that is wanted`, {
      hint: "Publish it again, or choose another version.",
    });
  }
  if (wanted.digest !== undefined && wanted.version !== undefined)
    judge({ version: wanted.version, digest: wanted.digest });
  const image = await openImage(host, wanted.place, {
    trust: wanted.trust,
    digest: wanted.digest,
    onDescribed: ({ json, digest }) => judge({ version: json.version, digest }),
    roomFor: (bytes) => makeRoom(host, bytes),
    parts: Object.values(slots.records).flatMap((record) => (record ? partsIn(host, `${STATE}${record.system}`) : [])),
    registries: config.k3os?.registries,
    work: WORK,
    worksBesideSlots: true,
    ifDamaged: "Fetch it again, or build it anew.",
    progress,
  });
  const slot = await stage(host, image, progress);
  const deployment = { version: image.json.version, digest: image.digest };
  await noteStaged(host, { slot, ...deployment });
  await removeWork(host);
  return arm(host, slot, deployment, options);
}

const IF_FULL = "Remove data from it, or images that no slot needs: sudo k3os prune";

async function makeRoom(host: Host, bytes: number): Promise<void> {
  await mendEsp(host, espDevice(host));
  await withEsp(host, (esp) => makeRoomToFetch(host, { esp, state: STATE }, { bytes, ifFull: IF_FULL }));
}

async function stage(host: Host, image: SourceImage, progress: Progress): Promise<SlotName> {
  await mendEsp(host, espDevice(host));
  return withEsp(host, (esp) => stageImage(host, { esp, state: STATE }, image, { ifFull: IF_FULL, progress }));
}

/** An image that a slot has already. */
async function finish(host: Host, image: Deployment, node: NodeSlots, options: UpgradeOptions): Promise<Upgraded> {
  const { good = "a", records } = node;
  if (whereIs(image.digest, node) === "good") return { ...image, state: "current", slot: good };
  const slot = records.a?.digest === image.digest ? "a" : "b";
  const running = records[good];
  const allowed = { downgrade: options.allowDowngrade, retry: options.retry };
  if (running !== undefined) requireAllowed(image, running, readJournal(host, STATE), allowed);
  return arm(host, slot, image, options);
}

async function arm(
  host: Host,
  slot: SlotName,
  { version, digest }: Deployment,
  { stageOnly }: UpgradeOptions,
): Promise<Upgraded> {
  // The layer may have changed since the image was staged.
  const running = runningSlot(host);
  if (running !== undefined) await carryLayer(host, running, slot);
  if (stageOnly) return { version, digest, slot, state: "staged" };
  await requireRoomForCopy(host);
  await withEsp(host, (esp) => armTrial(host, esp, { slot, version, digest }));
  return { version, digest, slot, state: "armed" };
}

/** Restarts the machine into the trial. A shutdown that hangs is ended by the watchdog, if there is one. */
export async function restartIntoTrial(host: Host): Promise<void> {
  await noteStop(host);
  await restartMachine(host);
}

/** Restarts the machine: services stop, and pods have their time to end. A shutdown that hangs is ended likewise. */
export async function restartMachine(host: Host): Promise<void> {
  await armWatchdog(host).catch((error) => host.warn(`k3os: no watchdog: ${reasonOf(error)}\n`));
  await run(host, ["openrc-shutdown", "--reboot", "now"]);
}

interface Wanted {
  readonly place: string;
  readonly trust: Trust;
  readonly version?: string;
  readonly digest?: string;
}

interface Choice {
  readonly running: string;
  readonly settings: UpgradeConfig | undefined;
  readonly config: Config;
  readonly options: UpgradeOptions;
  readonly progress: Progress;
}

async function choose(host: Host, { running, settings, config, options, progress }: Choice): Promise<Wanted> {
  const { place, version, key, allowDowngrade } = options;
  const keys = [...(settings?.keys ?? []), ...(key === undefined ? [] : [key])];
  const trust = trustOf(host, { ...settings, keys });
  if (place !== undefined) return { place, trust };
  if (settings?.source === undefined) {
    throw new K3osError("usage", "there is no image to upgrade to", {
      hint: "Name one: sudo k3os upgrade https://…, a path, or oci://…. Or set k3os.upgrade.source in the config.",
    });
  }
  const chosen = await resolveChannel(host, settings.source, settings.channel ?? "stable", {
    ...{ running, version, allowDowngrade, trust, registries: config.k3os?.registries, work: WORK, progress },
  });
  const { release } = chosen;
  return { place: chosen.place, trust: chosen.trust, version: release.version, digest: chosen.digest };
}

/** Removes what was fetched. An ISO in it is not. */
export async function removeWork(host: Host): Promise<void> {
  await releaseMedium(host);
  host.remove(WORK);
}

/** An ISO stays mounted while its image is copied. */
async function releaseMedium(host: Host): Promise<void> {
  if (isMounted(host, `${WORK}/iso`)) await run(host, ["umount", `${WORK}/iso`]);
}
