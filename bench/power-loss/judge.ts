/** Whether a disk boots a whole system: pure. What is judged was read by GRUB's drivers and by Linux' tools. */
import { parseBootEnv, SLOTS, type SlotName, slotToBoot } from "../../src/image/boot-env.ts";
import { SYSTEM } from "../../src/image/disk.ts";
import { diskMenu, parseSlotRecord } from "../../src/image/grub.ts";

/** What an image of the recording must look like on the disk. */
export interface KnownImage {
  /** `sha256:…` of its `image.json`. */
  readonly digest: string;
  /** Of its directory on the state partition. */
  readonly name: string;
  /** sha256 of its files, by their names on the ESP. */
  readonly sums: Readonly<Record<string, string>>;
}

/** The ESP as GRUB reads it. A file that GRUB cannot open is `undefined`. */
export interface EspView {
  readonly env: Uint8Array | undefined;
  readonly menu: string | undefined;
  readonly machine: string | undefined;
  readonly slots: Readonly<Record<SlotName, SlotView>>;
  /** What fsck.fat says, without what a power cut always leaves. */
  readonly faults: readonly string[];
  /** What the node makes of these faults before it replaces a file: the ESP that `fsck.fat -a` has mended. */
  readonly mended?: EspView | undefined;
  /** Clusters that belong to no file. */
  readonly leaked: number;
}

export interface SlotView {
  readonly record: string | undefined;
  /** sha256 of its files by their names; `undefined` for one that is not there. Read only if there is a record. */
  readonly sums: Readonly<Record<string, string | undefined>>;
}

/** The state partition as Linux sees it once it has replayed its journal. */
export interface StateView {
  /** What e2fsck could not mend without questions; none if it is sound. */
  readonly fault: string | undefined;
  /** Text of the journal of deployments; `undefined` if there is none. */
  readonly journal: string | undefined;
  /** Names of images whose directory is whole there. */
  readonly whole: readonly string[];
  readonly current: string | undefined;
}

/** Whether GRUB takes a slot for whole: its record names a system, and all of its files are there. */
function exists({ slots }: EspView, slot: SlotName): boolean {
  const { record = "", sums } = slots[slot];
  return /^set system="[^"\n]+"$/m.test(record) && Object.values(sums).every((sum) => sum !== undefined);
}

/** What the boot menu starts by itself. */
export function choiceOf(esp: EspView): ReturnType<typeof slotToBoot> {
  const env = esp.env === undefined ? undefined : parseBootEnv(esp.env);
  return slotToBoot(env, (slot) => exists(esp, slot));
}

/** Why a state is a failure; none if it is not. Mending the ESP must end its faults, and cost nothing. */
export function faultsOf(esp: EspView, state: StateView, images: readonly KnownImage[]): string[] {
  const { mended } = esp;
  if (mended === undefined) return faultsIn(esp, state, images);
  const after = faultsIn(mended, state, images).map((fault) => `once mended: ${fault}`);
  return [...faultsIn({ ...esp, faults: [] }, state, images), ...after];
}

function faultsIn(esp: EspView, state: StateView, images: readonly KnownImage[]): string[] {
  const faults: string[] = [];
  const env = esp.env === undefined ? undefined : parseBootEnv(esp.env);
  if (env === undefined) faults.push("the environment block is missing or damaged");
  if (choiceOf(esp) === undefined) faults.push("no slot is whole");
  if (env !== undefined && !exists(esp, env.good)) faults.push(`slot ${env.good}, which is good, is not there`);
  // GRUB boots whichever of them exists, by itself or by hand.
  for (const slot of SLOTS.filter((name) => exists(esp, name)))
    faults.push(...slotFaults(slot, esp.slots[slot], state, images));
  if (esp.menu !== diskMenu("amd64")) faults.push("the boot menu is not whole");
  if (esp.machine !== undefined && !/^set machine="[^"\n]*"\n$/.test(esp.machine))
    faults.push("the arguments of the machine are damaged");
  faults.push(...esp.faults.map((fault) => `ESP: ${fault}`));
  if (state.fault !== undefined) faults.push(`state partition: ${state.fault}`);
  if (state.journal !== undefined && !isJournal(state.journal)) faults.push("deployments.json is damaged");
  return faults;
}

function slotFaults(
  slot: SlotName,
  { record: text = "", sums }: SlotView,
  state: StateView,
  images: readonly KnownImage[],
): string[] {
  const record = parseSlotRecord(text);
  if (record === undefined) return [`the record of slot ${slot} is damaged`];
  const image = images.find(({ digest }) => digest === record.digest);
  if (image === undefined || record.system !== `${SYSTEM}/${image.name}`)
    return [`the record of slot ${slot} names no image of this recording`];
  const damaged = Object.entries(image.sums).filter(([name, sum]) => sums[name] !== sum);
  return [
    ...damaged.map(([name]) => `${name} of slot ${slot} is not that of its image`),
    ...(state.whole.includes(image.name) ? [] : [`the root of slot ${slot}, ${image.name}, is not whole`]),
  ];
}

function isJournal(text: string): boolean {
  try {
    const { format, refused } = JSON.parse(text) as { format?: unknown; refused?: unknown };
    return format === 1 && Array.isArray(refused);
  } catch {
    return false;
  }
}
