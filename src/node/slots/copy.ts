import type { Host } from "../../host/host.ts";
import { slotDirectory, slotEntries } from "../../image/disk.ts";
import { inStep, type Progress } from "../../progress.ts";
import { copyImage } from "../images/copy.ts";
import type { SourceImage } from "../images/image.ts";
import { checkSums } from "../images/verify.ts";
import { writeEntries } from "./entries.ts";
import { makeRoom } from "./room.ts";
import { besideVersion, slotVersion } from "./switch.ts";

/** The hint if a copy is damaged. The files were whole when they were copied. */
const BAD_HARDWARE = "The disk, its cable or the machine's memory may be unsound: look into `dmesg`.";

/**
 * Copies an image onto the state partition mounted at `root`, and returns its directory below `root`. That is
 * `slotDirectory(version)`, or a directory beside it if a slot holds the same version, whose files must not change.
 * `finishCopy` has to follow, and `switchTo` makes it boot. `ifFull` is the way out if there is no room.
 */
export async function copyToSlot(
  host: Host,
  root: string,
  image: SourceImage,
  { ifFull, progress }: { readonly ifFull: string; readonly progress: Progress },
): Promise<string> {
  const { version } = image.json;
  const inUse = [slotVersion(host, root, "current"), slotVersion(host, root, "previous")].includes(version);
  const directory = slotDirectory(inUse ? besideVersion(version) : version);
  // An interrupted run may have left this directory.
  host.remove(`${root}${directory}`);
  await makeRoom(host, root, image, ifFull);
  await copyImage(host, image, `${root}${directory}`, progress);
  return directory;
}

/**
 * Checks what `copyToSlot` wrote and adds the image's kernel arguments. To check the disk and not the page cache, mount
 * the partition anew in between.
 */
export async function finishCopy(
  host: Host,
  root: string,
  { json }: SourceImage,
  directory: string,
  progress: Progress,
): Promise<void> {
  const check = () => checkSums(host, `${root}${directory}`, json, BAD_HARDWARE);
  await inStep(progress, "Check what was written", check);
  writeEntries(host, root, slotEntries(json, directory));
}
