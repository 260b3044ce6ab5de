import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { otherSlot, SLOTS, type SlotName } from "../../image/boot-env.ts";
import { CURRENT, type KERNEL_FILES, SYSTEM, SYSTEM_FILES } from "../../image/disk.ts";
import { slotDirectory } from "../../image/grub.ts";
import type { ClusterLayer } from "../../management/layer.ts";
import type { Progress } from "../../progress.ts";
import type { SourceImage } from "../images/image.ts";
import { parseImageJson } from "../images/verify.ts";
import { copySystem, emptySlot, fillSlot, kernelIn, recordOf } from "./copy.ts";
import { writeEnv } from "./env.ts";
import { carryLayer, writeLayerOfSlot } from "./layer-file.ts";
import { hasRoom, pruneSystems, requireRoom } from "./room.ts";
import { type Places, readSlots, type Slots } from "./slots.ts";

export interface StageOptions {
  /** The way out if there is no room. */
  readonly ifFull: string;
  readonly progress: Progress;
}

/**
 * Puts an image into the slot that is not the good one, and returns that slot. Nothing boots it yet. If the slot has
 * the image already, nothing is written. Power may fail at any moment: the good slot is never touched, and the other
 * one is whole or none.
 */
export async function stageImage(
  host: Host,
  places: Places,
  image: SourceImage,
  { ifFull, progress }: StageOptions,
): Promise<SlotName> {
  const slots = readSlots(host, places);
  const slot = otherSlot(slots.good ?? "b");
  const record = recordOf(image);
  if (slots.records[slot]?.digest === record.digest) return slot;
  await forgetTrial(host, places, slots);
  await makeRoom(host, places, { slots, slot, ifFull, bytes: bytesToCopy(host, places.state, image) });
  await copySystem(host, places.state, image, progress);
  await emptySlot(host, places.esp, slot);
  if (slots.good !== undefined) await carryLayer(host, slots.good, slot, places.state);
  await fillSlot(host, places.esp, slot, { ...image, kernel: kernelIn(image.directory) }, progress);
  removeReplaced(host, places.state, slots, slot, record.system);
  return slot;
}

/**
 * Puts the image of the good slot with another layer of the cluster into the other slot, and returns that slot. Nothing
 * boots it yet. The image's root is shared, its kernel and initrd are copied. Power may fail at any moment: the good
 * slot is never touched, and the other one is whole or none.
 */
export async function stageLayer(
  host: Host,
  places: Places,
  layer: ClusterLayer,
  progress: Progress,
): Promise<SlotName> {
  const { esp, state } = places;
  const slots = readSlots(host, places);
  const { good, records } = slots;
  const record = good === undefined ? undefined : records[good];
  if (good === undefined || record === undefined) throw new K3osError("host", "no slot of this disk is whole");
  const slot = otherSlot(good);
  await forgetTrial(host, places, slots);
  if (records[slot]?.digest === record.digest) {
    await writeLayerOfSlot(host, slot, layer, state);
    return slot;
  }
  const path = `${state}${record.system}/image.json`;
  const json = parseImageJson(host.readText(path), path);
  await emptySlot(host, esp, slot);
  await writeLayerOfSlot(host, slot, layer, state);
  const kernel = (name: keyof typeof KERNEL_FILES) => `${esp}${slotDirectory(good)}/${name}`;
  await fillSlot(host, esp, slot, { json, digest: record.digest, kernel }, progress);
  removeReplaced(host, state, slots, slot, record.system);
  return slot;
}

/** What the slot had before is in no slot any more. A disk must not fill up with every version that it ever had. */
function removeReplaced(host: Host, state: string, { records }: Slots, slot: SlotName, system: string): void {
  const replaced = records[slot]?.system;
  const kept = [system, records[otherSlot(slot)]?.system];
  if (replaced !== undefined && !kept.includes(replaced)) host.remove(`${state}${replaced}`);
}

/** Nothing may try a slot that is about to change. */
async function forgetTrial(host: Host, { esp }: Places, { env }: Slots): Promise<void> {
  if (env?.trial !== undefined) await writeEnv(host, esp, { good: env.good });
}

interface Wanted {
  readonly slots: Slots;
  readonly slot: SlotName;
  readonly ifFull: string;
  readonly bytes: number;
}

/** Makes room for `bytes` that are fetched onto the state partition to be staged from there. Throws `host`. */
export async function makeRoomToFetch(
  host: Host,
  places: Places,
  { bytes, ifFull }: Pick<Wanted, "bytes" | "ifFull">,
): Promise<void> {
  const slots = readSlots(host, places);
  await makeRoom(host, places, { slots, slot: otherSlot(slots.good ?? "b"), ifFull, bytes });
}

/** What staging writes onto the state partition. */
function bytesToCopy(host: Host, state: string, image: SourceImage): number {
  if (image.fetchedForSlots === true || host.stat(`${state}${recordOf(image).system}`) !== undefined) return 0;
  return SYSTEM_FILES.reduce((sum, name) => sum + (image.json.files?.[name]?.size ?? 0), 0);
}

/**
 * Makes room on the state partition, only as far as it has to: first systems that are in no slot go, then the one of
 * the slot that is filled anew.
 */
async function makeRoom(
  host: Host,
  { esp, state }: Places,
  { slots, slot, ifFull, bytes: size }: Wanted,
): Promise<void> {
  if (size === 0 || (await hasRoom(host, state, size))) return;
  const systems = (names: readonly SlotName[]) => names.flatMap((name) => slots.records[name]?.system ?? []);
  pruneSystems(host, state, systems(SLOTS));
  if (await hasRoom(host, state, size)) return;
  await forgetTrial(host, { esp, state }, slots);
  await emptySlot(host, esp, slot);
  pruneSystems(host, state, systems([otherSlot(slot)]));
  await requireRoom(host, state, size, { what: "the state partition", hint: ifFull });
}

/** Makes `current` a link to this directory of a system. */
export async function linkCurrent(host: Host, state: string, system: string): Promise<void> {
  host.symlink(system.slice(SYSTEM.length + 1), `${state}${CURRENT}`);
  await run(host, ["sync", "-f", `${state}${SYSTEM}`]);
}
