import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import { type Host, HostError } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import {
  configEntries,
  ESP,
  FILLED,
  GRUB_LABEL,
  menuEntries,
  partitionDevice,
  STATE,
  STATE_LABEL,
} from "../../image/disk.ts";
import { MACHINE_ARGUMENTS } from "../../image/grub.ts";
import { inStep, type Progress } from "../../progress.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import type { Disk } from "../devices/disks.ts";
import { mounted } from "../mounted.ts";
import { recordOf } from "../slots/copy.ts";
import { writeEntries } from "../slots/entries.ts";
import { writeEnv } from "../slots/env.ts";
import { mendEsp } from "../slots/esp.ts";
import type { Places } from "../slots/slots.ts";
import { linkCurrent, stageImage } from "../slots/stage.ts";
import { findCandidates } from "./candidates.ts";
import { withLoader, writeLoader } from "./loader.ts";
import { erase, makeFileSystems, partition, sectorsOf } from "./partitions.ts";
import type { InstallPlan } from "./plan.ts";
import { WORK } from "./work.ts";

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
      await (plan.keepData ? checkState : makeState)(host, plan, progress);
      await withPlaces(host, plan.disk, async (places) => {
        await writeSystem(host, places, plan, progress);
        await inStep(progress, "Make the disk bootable", () => writeLoader(host, places.esp, plan.disk, loader));
        // Last, because the loader of 0.30 boots what this link names.
        await linkCurrent(host, places.state, recordOf(plan.image).system);
      });
    } catch (error) {
      throw unfinished(plan, error);
    }
  });
  await run(host, ["sync"]);
}

/** Does `work` while both file systems of the disk are mounted. */
function withPlaces<T>(host: Host, { path }: Disk, work: (places: Places) => Promise<T>): Promise<T> {
  const places = { esp: `${WORK}/esp`, state: `${WORK}/state` };
  const device = (number: number) => partitionDevice(path, number);
  const state = { type: "ext4", source: device(STATE.number), target: places.state, options: "noatime" };
  const esp = { type: "vfat", source: device(ESP.number), target: places.esp, options: "umask=077" };
  return mounted(host, state, () => mounted(host, esp, () => work(places)));
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

/** Writes everything but the loader. */
async function writeSystem(host: Host, places: Places, plan: InstallPlan, progress: Progress): Promise<void> {
  const { disk, image, keepData } = plan;
  const { esp, state } = places;
  const ifFull = keepData
    ? "Remove data from it, or install without --no-format, which erases everything."
    : "Choose a larger disk.";
  if (!keepData) writeEntries(host, state, [{ path: FILLED, text: `${sectorsOf(host, disk, STATE.number)}\n` }]);
  writeEntries(host, state, configEntries(plan.config?.text));
  const slot = await stageImage(host, places, image, { ifFull, progress });
  writeEntries(host, esp, menuEntries(OWN_ARCHITECTURE, plan.arguments, oldArguments(host, places)));
  await writeEnv(host, esp, { good: slot });
}

/** Kernel arguments of the machine where releases up to 0.30 kept them: on the state partition. */
function oldArguments(host: Host, { esp, state }: Places): string | undefined {
  if (host.stat(`${esp}${MACHINE_ARGUMENTS}`) !== undefined) return undefined;
  return readTextIf(host, `${state}/boot/grub/arguments.cfg`);
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

/** Checks the existing file systems, the one of the state as a boot would (e2fsck(8): 0 and 1 are good). */
function checkState(host: Host, { disk }: InstallPlan, progress: Progress): Promise<void> {
  const device = partitionDevice(disk.path, STATE.number);
  return inStep(progress, "Check the state partition", async () => {
    await mendEsp(host, partitionDevice(disk.path, ESP.number));
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
