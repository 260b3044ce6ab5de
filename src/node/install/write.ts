import { K3osError } from "../../errors.ts";
import { type Host, HostError } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { configEntries, ESP, FILLED, GRUB_LABEL, partitionDevice, STATE, STATE_LABEL } from "../../image/disk.ts";
import { inStep, type Progress } from "../../progress.ts";
import type { Mount } from "../initrd/mount.ts";
import { copyToSlot, finishCopy } from "../slots/copy.ts";
import { writeEntries } from "../slots/entries.ts";
import { writeMenu } from "../slots/menu.ts";
import { switchTo } from "../slots/switch.ts";
import { findCandidates } from "./candidates.ts";
import type { Disk } from "./disks.ts";
import { withLoader, writeLoader } from "./loader.ts";
import { mounted } from "./mounted.ts";
import { erase, makeFileSystems, partition, sectorsOf } from "./partitions.ts";
import type { InstallPlan } from "./plan.ts";
import { WORK } from "./work.ts";

const ROOT = `${WORK}/state`;

/**
 * Carries out the plan. Power may fail at any moment: the old loader is erased first and the new one is written last,
 * so that the disk boots either a complete system or none. A second run starts over.
 */
export async function writePlan(host: Host, plan: InstallPlan, progress: Progress): Promise<void> {
  await checkUnchanged(host, plan);
  await run(host, ["modprobe", "-a", "loop", "vfat", "ext4"]);
  host.mkdir(WORK, { mode: 0o700 });
  await withLoader(host, plan.image, async (loader) => {
    try {
      await writeSystem(host, plan, progress);
      await inStep(progress, "Make the disk bootable", () => writeLoader(host, plan.disk, loader));
    } catch (error) {
      throw unfinished(plan, error);
    }
  });
  await run(host, ["sync"]);
}

/** Adds the state of the disk to an error, because the user needs to know it. */
function unfinished({ disk, keepData }: InstallPlan, error: unknown): unknown {
  if (!(error instanceof K3osError || error instanceof HostError)) return error;
  const { kind = "host", hint } = error as Partial<K3osError>;
  const left = keepData ? "has the old system or the new one" : "boots nothing now";
  const ways = [
    ...(hint === undefined ? [] : [hint]),
    `${disk.path} ${left}; the installer starts over when it is run again.`,
  ];
  return new K3osError(kind, error.message, { hint: ways.join("\n"), cause: error });
}

async function writeSystem(host: Host, plan: InstallPlan, progress: Progress): Promise<void> {
  const { disk, image, keepData } = plan;
  await (keepData ? checkState : makeState)(host, plan, progress);
  const ifFull = keepData
    ? "Remove data from it, or install without --no-format, which erases everything."
    : "Choose a larger disk.";
  const copy = () => copyToSlot(host, ROOT, image, { ifFull, progress });
  const directory = await mounted(host, statePartition(disk), copy);
  // Mounted again, so that the disk is read and not the page cache.
  await mounted(host, statePartition(disk), async () => {
    await finishCopy(host, ROOT, image, directory, progress);
    if (!keepData) writeEntries(host, ROOT, [{ path: FILLED, text: `${sectorsOf(host, disk, STATE.number)}\n` }]);
    writeMenu(host, ROOT, plan.arguments);
    writeEntries(host, ROOT, configEntries(plan.config?.text));
    await switchTo(host, ROOT, image.json.version, directory);
  });
}

function statePartition({ path }: Disk): Mount {
  return { type: "ext4", source: partitionDevice(path, STATE.number), target: ROOT, options: "noatime" };
}

/**
 * Erases the disk and makes an empty state partition. The file system gets its final size at once, so the first boot
 * need not grow it.
 */
async function makeState(host: Host, { disk }: InstallPlan, progress: Progress): Promise<void> {
  await inStep(progress, `Erase and partition ${disk.path}`, async () => {
    await erase(host, disk);
    await partition(host, disk);
  });
  await inStep(progress, "Make file systems", () => makeFileSystems(host, disk));
}

/** Checks the existing file system as a boot would (e2fsck(8): 0 and 1 are good). */
function checkState(host: Host, { disk }: InstallPlan, progress: Progress): Promise<void> {
  const device = partitionDevice(disk.path, STATE.number);
  return inStep(progress, "Check the state partition", async () => {
    const { status, stdout, stderr } = await host.exec(["e2fsck", "-p", device]);
    if (status <= 1) return;
    throw new K3osError("host", `${device} is damaged: ${(stderr || stdout).trim().split("\n").at(-1)}`, {
      hint: `Repair it with: sudo e2fsck ${device}`,
    });
  });
}

/** Throws if the disk has changed while the user read the summary. */
async function checkUnchanged(host: Host, { disk, contents, keepData }: InstallPlan): Promise<void> {
  const now = (await findCandidates(host)).find((candidate) => candidate.disk.path === disk.path);
  const { refusal } = now ?? { refusal: "it is gone" };
  if (refusal !== undefined) throw new K3osError("host", `${disk.path} cannot be used any more: ${refusal}`);
  if (now?.disk.size !== disk.size || now.disk.serial !== disk.serial) {
    throw new K3osError("host", `${disk.path} is another disk now`, { hint: "Run the installer again." });
  }
  if (!keepData) return;
  const has = (number: number, label: string) =>
    contents.some((content) => content.path === partitionDevice(disk.path, number) && content.label === label);
  if (has(ESP.number, GRUB_LABEL) && has(STATE.number, STATE_LABEL)) return;
  throw new K3osError("host", `${disk.path} has no installation of this k3OS whose data could be kept`, {
    hint: "Without --no-format the disk is erased and installed anew.",
  });
}
