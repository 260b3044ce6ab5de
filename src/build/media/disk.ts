import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { biosLoader } from "../../formats/grub-bios.ts";
import { FAT32_LBA, hybridTable, MBR_TABLE_OFFSET } from "../../formats/mbr.ts";
import { ARCHITECTURES } from "../../image/architecture.ts";
import {
  BIOS_BOOT,
  biosParts,
  type DiskEntry,
  ESP,
  espEntries,
  espLoaders,
  KERNEL_FILES,
  MAKE_ESP,
  MAKE_STATE,
  PREBUILT,
  partitionScript,
  STATE,
  SYSTEM_FILES,
  slotRecord,
  stateEntries,
} from "../../image/disk.ts";
import { type SlotRecord, slotDirectory } from "../../image/grub.ts";
import type { RunOptions } from "../../process/run.ts";
import type { BootFirmwareFiles } from "../boot-firmware.ts";
import { sha256File } from "../digest.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../image.ts";
import type { Work } from "../steps.ts";
import { overlayTree, placeFile, placeText } from "../tree.ts";
import type { MadeImage, Workshop } from "../workshop.ts";

export interface DiskOptions {
  /** The text of config.yaml; it was checked. */
  readonly config?: string | undefined;
  /** Kernel arguments of the machine that it is for. */
  readonly arguments?: readonly string[] | undefined;
  /** Bytes of a sector: 512 if not given. Disks with 4096 boot by UEFI only. */
  readonly sectorSize?: SectorSize | undefined;
}

export type SectorSize = 512 | 4096;

/** As it is built; it grows to the size of the disk that it is written to. Room for one image and its first start. */
const sizeMiB = 832;
const MiB = 1 << 20;

export const RAW_DISK = "k3os.raw";

interface DiskParts {
  readonly image: BuiltImage;
  readonly boot?: BootFirmwareFiles;
  readonly options: DiskOptions;
}

/**
 * A disk as a node boots it, `RAW_DISK`. With a config inside, only its owner can read the file. Returns its directory.
 */
export function rawDisk({ runner }: Workshop, { image, system }: MadeImage, options: DiskOptions): Promise<string> {
  const { boot } = system;
  const step = { name: "raw", title: "Disk", maker: "disk" } as const;
  return runner.run({ ...step, parts: { image, options, ...(boot && { boot }) }, make: makeDisk });
}

function makeDisk(work: Work, { image, options, boot }: DiskParts): Promise<string> {
  return makeRawDisk(work, image, options, join(work.out, RAW_DISK), boot);
}

/**
 * A whole disk in a sparse file, made without root and without a mount. Equal input gives equal bytes; what must differ
 * from machine to machine is made at the first boot.
 */
export async function makeRawDisk(
  work: Work,
  image: BuiltImage,
  options: DiskOptions,
  file: string,
  boot?: BootFirmwareFiles,
): Promise<string> {
  const run = toolRunner(work, image);
  writeFileSync(file, "", { mode: options.config === undefined ? 0o644 : 0o600 });
  truncateSync(file, sizeMiB * MiB);
  await partition(run, file, options);
  if (boot?.inMbr) placeHybridTable(file);
  const { bios } = ARCHITECTURES[image.imageJson.architecture];
  if (bios && options.sectorSize !== 4096) placeBiosLoader(file, image.loader);
  await makeEsp(run, work, image, file, { ...options, boot });
  await makeState(run, work, image, file, options);
  return megabytes(statSync(file).blocks * 512);
}

export type RunTool = (argv: readonly string[], options?: Pick<RunOptions, "input" | "onErrorLine">) => Promise<string>;

/** Programs of the tools tree, without the time of day and the configuration of this host. */
export function toolRunner(work: Work, { tools, imageJson }: BuiltImage): RunTool {
  return (argv, options = {}) => {
    const tool = tools.command(argv);
    const settings = {
      SOURCE_DATE_EPOCH: `${imageJson.time}`,
      TZ: "UTC",
      MKE2FS_CONFIG: tools.path("etc/mke2fs.conf"),
    };
    return work.command(tool.argv, { ...options, env: { ...tool.env, ...settings } });
  };
}

async function partition(run: RunTool, file: string, { sectorSize = 512 }: DiskOptions): Promise<void> {
  const argv = ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--sector-size", `${sectorSize}`, file];
  await run(argv, { input: partitionScript(PREBUILT) });
}

/** Lets firmware find the ESP that reads no GPT. */
function placeHybridTable(file: string): void {
  const sectors = (mebibytes = 0) => (mebibytes * MiB) / 512;
  const table = hybridTable({ type: FAT32_LBA, start: sectors(ESP.startMiB), sectors: sectors(ESP.sizeMiB) });
  const disk = openSync(file, "r+");
  try {
    writeSync(disk, table, 0, table.length, MBR_TABLE_OFFSET);
  } finally {
    closeSync(disk);
  }
}

function placeBiosLoader(file: string, loader: string): void {
  const bytes = (name: string) => new Uint8Array(readFileSync(join(loader, name)));
  const place = { start: BIOS_BOOT.startMiB * MiB, size: (BIOS_BOOT.sizeMiB ?? 0) * MiB };
  const disk = openSync(file, "r+");
  try {
    for (const { offset, bytes: part } of biosLoader(biosParts(bytes), place))
      writeSync(disk, part, 0, part.length, offset);
  } finally {
    closeSync(disk);
  }
}

async function makeEsp(
  run: RunTool,
  work: Work,
  image: BuiltImage,
  file: string,
  { sectorSize = 512, arguments: machine, boot }: DiskOptions & { readonly boot: BootFirmwareFiles | undefined },
): Promise<void> {
  const start = ESP.startMiB * MiB;
  const place = ["-S", `${sectorSize}`, "--offset", `${start / sectorSize}`, "--invariant"];
  await run([...MAKE_ESP, ...place, file, `${(ESP.sizeMiB ?? 0) * 1024}`]);
  const tree = join(work.scratch, "esp");
  mkdirSync(tree);
  if (boot) overlayTree(boot.directory, tree);
  placeEntries(tree, espEntries(image.imageJson.architecture, await recordOf(image), machine));
  for (const { path, from } of espLoaders(image.imageJson.architecture))
    placeFile(join(image.loader, from), join(tree, path));
  for (const [name, from] of Object.entries(KERNEL_FILES))
    placeFile(join(image.dir, from), join(tree, slotDirectory("a"), name));
  const onEsp = ["-i", `${file}@@${start}`];
  // Path by path, because mcopy -s would take them in the order of this host's file system.
  for (const path of readdirSync(tree, { recursive: true, encoding: "utf8" }).sort()) {
    const isDirectory = statSync(join(tree, path)).isDirectory();
    await run(isDirectory ? ["mmd", ...onEsp, `::/${path}`] : ["mcopy", ...onEsp, join(tree, path), `::/${path}`]);
  }
}

async function recordOf({ dir, imageJson }: BuiltImage): Promise<SlotRecord> {
  return slotRecord(imageJson, `sha256:${await sha256File(join(dir, "image.json"))}`);
}

async function makeState(
  run: RunTool,
  work: Work,
  image: BuiltImage,
  file: string,
  { config }: DiskOptions,
): Promise<void> {
  const tree = join(work.scratch, "state");
  const record = await recordOf(image);
  mkdirSync(join(tree, record.system), { recursive: true });
  for (const name of SYSTEM_FILES) linkSync(join(image.dir, name), join(tree, record.system, name));
  placeEntries(tree, stateEntries(record, config));

  const start = STATE.startMiB * MiB;
  // The last MiB is for the second copy of the partition table.
  const kibibytes = (sizeMiB - STATE.startMiB - 1) * 1024;
  const extended = [`offset=${start}`, `hash_seed=${PREBUILT.state}`, "root_owner=0:0", "assume_storage_prezeroed=1"];
  await run([...MAKE_STATE, "-U", PREBUILT.state, "-E", extended.join(","), "-d", tree, file, `${kibibytes}k`]);
  await ownByRoot(run, tree, `${file}?offset=${start}`, image.imageJson.time);
}

/** Gives all files of the file system that was made of `tree` to root, with the time of the image. */
async function ownByRoot(run: RunTool, tree: string, fileSystem: string, time: number): Promise<void> {
  const fields = { uid: 0, gid: 0, mtime: `@${time}` };
  const commands = readdirSync(tree, { recursive: true, encoding: "utf8" }).flatMap((path) =>
    Object.entries(fields).map(([field, value]) => `set_inode_field "/${path}" ${field} ${value}\n`),
  );
  // debugfs ends with status 0 whatever happened, but says nothing besides its name when all went well.
  const complaints: string[] = [];
  const onErrorLine = (line: string) => void (/^debugfs [\d.]+ /.test(line) || complaints.push(line));
  await run(["debugfs", "-w", "-f", "-", fileSystem], { input: commands.sort().join(""), onErrorLine });
  if (complaints.length > 0) throw new Error(`debugfs: ${complaints.join("; ")}`);
}

function placeEntries(tree: string, entries: readonly DiskEntry[]): void {
  for (const entry of entries) {
    const path = join(tree, entry.path);
    if ("text" in entry) placeText(entry.text, path, entry.mode);
    else symlinkSync(entry.target, path);
  }
}
