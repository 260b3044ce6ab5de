import { K3osError } from "../../errors.ts";
import { type Host, HostError } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import {
  ESP,
  FILLED,
  GRUB_LABEL,
  partitionDevice,
  STATE,
  STATE_LABEL,
  slotDirectory,
  slotLink,
  stateEntries,
} from "../../image/disk.ts";
import type { Progress } from "../../progress.ts";
import { copyImage, writeEntries } from "./copy.ts";
import { WORK } from "./fetch.ts";
import { checkSums } from "./image.ts";
import { withLoader, writeLoader } from "./loader.ts";
import { mounted } from "./mounted.ts";
import { erase, makeFileSystems, partition, sizeOfPartition } from "./partitions.ts";
import type { InstallPlan } from "./plan.ts";
import { makeRoom, stagingDirectory, switchTo } from "./slots.ts";
import { candidates } from "./usage.ts";

const ROOT = `${WORK}/state`;
/** Of files that were whole when they were copied. */
const UNSOUND = "The disk, its cable or the machine's memory may be unsound: look into `dmesg`.";

/**
 * Carries the plan out. Power may fail at any moment: the old loader goes first and the new one comes last, so that a disk either boots a
 * whole system or none, and a second run starts over.
 */
export async function writePlan(host: Host, plan: InstallPlan, progress: Progress): Promise<void> {
  await checkUnchanged(host, plan);
  await run(host, ["modprobe", "-a", "loop", "vfat", "ext4"]);
  host.mkdir(WORK, { mode: 0o700 });
  await withLoader(host, plan.image, async (loader) => {
    try {
      await (plan.keepData ? replaceSystem : installAnew)(host, plan, progress);
      await inStep(progress, "Make the disk bootable", () => writeLoader(host, plan.disk, loader));
    } catch (error) {
      throw unfinished(plan, error);
    }
  });
  await run(host, ["sync"]);
}

/** Whatever went wrong, the user needs to know what the disk is now. */
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

async function installAnew(host: Host, plan: InstallPlan, progress: Progress): Promise<void> {
  const { disk, image } = plan;
  const directory = `${ROOT}${slotDirectory(image.json.version)}`;
  await inStep(progress, `Erase and partition ${disk.path}`, async () => {
    await erase(host, disk);
    await partition(host, disk);
  });
  await inStep(progress, "Make file systems", () => makeFileSystems(host, disk));
  await mounted(host, statePartition(plan), () => copyImage(host, image, directory, progress));
  // Mounted anew, so that the disk is read and not the memory.
  await mounted(host, statePartition(plan), async () => {
    await inStep(progress, "Check what was written", () => checkSums(host, directory, image.json, UNSOUND));
    // Made for all of it: the first boot has nothing to grow.
    const sectors = sizeOfPartition(host, disk, STATE.number);
    writeEntries(host, ROOT, [{ path: FILLED, text: `${sectors}\n` }, ...entries(plan)]);
  });
}

async function replaceSystem(host: Host, plan: InstallPlan, progress: Progress): Promise<void> {
  const { image } = plan;
  const { version } = image.json;
  await inStep(progress, "Check the state partition", () => checkState(host, plan));
  let staged = "";
  await mounted(host, statePartition(plan), async () => {
    host.remove(`${ROOT}${slotDirectory(version)}.new`);
    await makeRoom(host, ROOT, image);
    staged = stagingDirectory(host, ROOT, version);
    await copyImage(host, image, staged, progress);
  });
  await mounted(host, statePartition(plan), async () => {
    await inStep(progress, "Check what was written", () => checkSums(host, staged, image.json, UNSOUND));
    const own = slotDirectory(version);
    const beside = entries(plan).filter(({ path }) => path !== slotLink("current"));
    writeEntries(
      host,
      ROOT,
      beside.map((entry) => ({ ...entry, path: entry.path.replace(`${own}/`, `${staged.slice(ROOT.length)}/`) })),
    );
    await switchTo(host, ROOT, version, staged);
  });
}

function statePartition({ disk }: InstallPlan) {
  return { type: "ext4", source: partitionDevice(disk.path, STATE.number), target: ROOT, options: "noatime" };
}

function entries({ image, config, arguments: machine }: InstallPlan) {
  return stateEntries({ image: image.json, config: config?.text, arguments: machine });
}

/** Preens the file system, as a boot would (e2fsck(8): 0 and 1 are good). */
async function checkState(host: Host, { disk }: InstallPlan): Promise<void> {
  const device = partitionDevice(disk.path, STATE.number);
  const { status, stdout, stderr } = await host.exec(["e2fsck", "-p", device]);
  if (status <= 1) return;
  throw new K3osError("host", `${device} is damaged: ${(stderr || stdout).trim().split("\n").at(-1)}`, {
    hint: `Repair it with: sudo e2fsck ${device}`,
  });
}

/** What was decided on may have changed while somebody read the summary. */
async function checkUnchanged(host: Host, { disk, contents, keepData }: InstallPlan): Promise<void> {
  const now = (await candidates(host)).find((candidate) => candidate.disk.path === disk.path);
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

async function inStep<T>(progress: Progress, title: string, work: () => Promise<T>): Promise<T> {
  const step = progress.step(title);
  try {
    const result = await work();
    step.done();
    return result;
  } catch (error) {
    step.fail();
    throw error;
  }
}
