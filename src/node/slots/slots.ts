import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { type BootEnv, SLOTS, type SlotName, slotToBoot } from "../../image/boot-env.ts";
import { KERNEL_FILES, SYSTEM_FILES } from "../../image/disk.ts";
import { parseSlotRecord, SLOT_FILE, type SlotRecord, slotDirectory } from "../../image/grub.ts";
import { readEnv } from "./env.ts";

/** Where the two file systems of a disk are mounted. */
export interface Places {
  readonly esp: string;
  readonly state: string;
}

export interface Slots {
  /** `undefined` if the environment block is damaged or missing. */
  readonly env: BootEnv | undefined;
  /** What each whole slot holds. */
  readonly records: Readonly<Partial<Record<SlotName, SlotRecord>>>;
  /** The slot that a restart boots if no trial is due; `undefined` if no slot is whole. */
  readonly good: SlotName | undefined;
}

/** Reads the slots of a disk. */
export function readSlots(host: Host, places: Places): Slots {
  const env = readEnv(host, places.esp);
  const records: Partial<Record<SlotName, SlotRecord>> = {};
  for (const slot of SLOTS) {
    const record = readSlot(host, places, slot);
    if (record !== undefined) records[slot] = record;
  }
  const settled = env && { good: env.good };
  return { env, records, good: slotToBoot(settled, (slot) => records[slot] !== undefined)?.slot };
}

/** What a slot holds; `undefined` if a part is missing. */
function readSlot(host: Host, { esp, state }: Places, slot: SlotName): SlotRecord | undefined {
  const directory = `${esp}${slotDirectory(slot)}`;
  const record = parseSlotRecord(readTextIf(host, `${directory}/${SLOT_FILE}`) ?? "");
  if (record === undefined) return undefined;
  const files = [
    ...Object.keys(KERNEL_FILES).map((name) => `${directory}/${name}`),
    ...SYSTEM_FILES.map((name) => `${state}${record.system}/${name}`),
  ];
  return files.every((path) => host.stat(path) !== undefined) ? record : undefined;
}
