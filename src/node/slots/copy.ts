import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import type { SlotName } from "../../image/boot-env.ts";
import { KERNEL_FILES, SYSTEM, SYSTEM_FILES, slotEntries, slotRecord } from "../../image/disk.ts";
import { SLOT_FILE, type SlotRecord, slotDirectory } from "../../image/grub.ts";
import { inStep, type Progress } from "../../progress.ts";
import { copyFiles } from "../images/copy.ts";
import type { DescribedImage, SourceImage } from "../images/image.ts";
import { linkOrCopy } from "../images/parts.ts";
import { checkSums } from "../images/verify.ts";
import { writeEntries } from "./entries.ts";
import { syncEsp } from "./esp.ts";

/** The hint if a copy is damaged. The files were whole when they were copied. */
const BAD_HARDWARE = "The disk, its cable or the machine's memory may be unsound: look into `dmesg`.";

const ROOT = "root.squashfs";

export const recordOf = ({ json, digest }: DescribedImage): SlotRecord => slotRecord(json, digest);

/**
 * Puts the root of an image onto the state partition mounted at `state`, unless it is whole there: what was fetched
 * onto that partition as it is, anything else as a copy. It has its final name only when it is whole and on the disk.
 */
export async function copySystem(host: Host, state: string, image: SourceImage, progress: Progress): Promise<void> {
  const { system } = recordOf(image);
  const target = `${state}${system}`;
  if (await isWhole(host, target, image)) return;
  const part = `${target}.part`;
  const fill = async (isLinked: boolean) => {
    // An interrupted run may have left it.
    host.remove(part);
    host.mkdir(part);
    // A fetched root is never written to again, in contrast to its image.json, which the next download overwrites.
    if (isLinked) await linkOrCopy(host, `${image.directory}/${ROOT}`, `${part}/${ROOT}`);
    const copied = SYSTEM_FILES.filter((name) => !isLinked || name !== ROOT);
    const paths = copied.map((name) => [`${image.directory}/${name}`, `${part}/${name}`] as const);
    if (isLinked) for (const [from, to] of paths) await run(host, ["cp", from, to]);
    else await copyFiles(host, paths, image.size, progress);
    await run(host, ["sync", "-f", part]);
    await checkCopies(host, image, { [ROOT]: `${part}/${ROOT}` }, progress);
  };
  if (image.fetchedForSlots !== true) await fill(false);
  else {
    try {
      await fill(true);
    } catch (error) {
      if (!(error instanceof K3osError && error.kind === "integrity")) throw error;
      await fill(false); // what lies on the disk is damaged, and is right in memory: it is written to another place
    }
  }
  host.remove(target); // a damaged copy
  host.rename(part, target);
  await run(host, ["sync", "-f", `${state}${SYSTEM}`]);
}

async function isWhole(host: Host, directory: string, { json }: SourceImage): Promise<boolean> {
  if (host.stat(directory) === undefined) return false;
  try {
    const root = { [ROOT]: `${directory}/${ROOT}` };
    await checkSums(host, root, json, { hint: "", fromDisk: true });
    return host.stat(`${directory}/image.json`) !== undefined;
  } catch (error) {
    if (error instanceof K3osError) return false;
    throw error;
  }
}

/** An image whose kernel goes into a slot. */
export interface SlotImage extends DescribedImage {
  /** The path of a file, by its name in a slot. */
  readonly kernel: (name: keyof typeof KERNEL_FILES) => string;
}

/** The files of the kernel in the directory of an image. */
export const kernelIn =
  (directory: string): SlotImage["kernel"] =>
  (name) =>
    `${directory}/${KERNEL_FILES[name]}`;

/**
 * Puts the kernel of an image into an empty slot (`emptySlot`) of the ESP mounted at `esp`. The slot's record is
 * written last, so at any moment the slot is whole or none.
 */
export async function fillSlot(
  host: Host,
  esp: string,
  slot: SlotName,
  image: SlotImage,
  progress: Progress,
): Promise<void> {
  const directory = `${esp}${slotDirectory(slot)}`;
  host.mkdir(directory);
  const names = Object.keys(KERNEL_FILES) as (keyof typeof KERNEL_FILES)[];
  for (const name of names) await run(host, ["cp", image.kernel(name), `${directory}/${name}`]);
  await syncEsp(host, esp);
  const copies = names.map((name) => [KERNEL_FILES[name], `${directory}/${name}`]);
  await checkCopies(host, image, Object.fromEntries(copies), progress);
  writeEntries(host, esp, slotEntries(slot, recordOf(image)));
  await syncEsp(host, esp);
}

/** Takes a slot out of use. Its kernel stays and is overwritten by the next one. */
export async function emptySlot(host: Host, esp: string, slot: SlotName): Promise<void> {
  host.remove(`${esp}${slotDirectory(slot)}/${SLOT_FILE}`);
  await syncEsp(host, esp);
}

function checkCopies(
  host: Host,
  { json }: Pick<SourceImage, "json">,
  copies: Readonly<Record<string, string>>,
  progress: Progress,
): Promise<void> {
  return inStep(progress, "Check what was written", () =>
    checkSums(host, copies, json, { hint: BAD_HARDWARE, fromDisk: true }),
  );
}
