/**
 * How BIOS gets to GRUB on a GPT disk: `boot.img` in the first sector loads the first sector of `core.img`, which loads
 * the rest. Both have to be told where on the disk that is (GRUB's grub-core/boot/i386/pc/boot.S and diskboot.S, and
 * include/grub/i386/pc/boot.h for the offsets).
 */
import { concat } from "./bytes.ts";

const sector = 512;
/** Here a partition table begins, whose bytes belong to the disk and not to the loader. */
const codeEnd = 0x1b8;
const kernelSectorAt = 0x5c;
const driveCheckAt = 0x66;
const blocklistAt = sector - 12;

export interface BiosLoader {
  readonly bootImg: Uint8Array;
  readonly coreImg: Uint8Array;
}

/** Bytes, and where on the disk they go. */
export interface Placed {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * What to write where, so that a disk with sectors of 512 bytes boots by BIOS. `partition` is the BIOS boot partition,
 * in bytes from the start of the disk. The partition table in the first sector is not touched. Throws RangeError when
 * something does not fit.
 */
export function biosLoader(
  { bootImg, coreImg }: BiosLoader,
  partition: { readonly start: number; readonly size: number },
): Placed[] {
  if (bootImg.length !== sector) throw new RangeError(`boot.img: expected ${sector} bytes, got ${bootImg.length}`);
  if (partition.start % sector !== 0) throw new RangeError("the BIOS boot partition does not begin at a sector");
  if (coreImg.length > partition.size)
    throw new RangeError(`core.img: ${coreImg.length} bytes do not fit into ${partition.size}`);
  const first = BigInt(partition.start / sector);
  return [
    { offset: 0, bytes: firstSector(bootImg, first) },
    { offset: partition.start, bytes: core(coreImg, first) },
  ];
}

/** What a disk has now: its first sector, and the content of its BIOS boot partition. */
export interface BiosDisk {
  readonly firstSector: Uint8Array;
  readonly partition: Uint8Array;
}

/**
 * What to write, in this order and each synced before the next, so that a disk that `biosLoader` made bootable has
 * another loader: nothing if it has that one. The new `core.img` goes into the half of the partition that is not in
 * use, and the first sector leads there. It is one sector, so a power cut leaves the old loader or the new one.
 * `undefined` if the first sector leads somewhere else: then this loader is not ours. Throws RangeError when something
 * does not fit.
 */
export function renewedBiosLoader(
  parts: BiosLoader,
  disk: BiosDisk,
  partition: { readonly start: number; readonly size: number },
): Placed[] | undefined {
  const half = partition.size / 2;
  const [low, high] = [partition.start, partition.start + half];
  const lead = new DataView(disk.firstSector.slice(0, sector).buffer).getBigUint64(kernelSectorAt, true);
  const now = [low, high].find((start) => BigInt(start / sector) === lead);
  if (now === undefined) return undefined;
  const [boot, core] = biosLoader(parts, { start: now, size: half });
  const isThere = ({ bytes }: Placed, where: Uint8Array, at: number) =>
    bytes.every((byte, index) => where[at + index] === byte);
  if (boot === undefined || core === undefined) return [];
  if (isThere(boot, disk.firstSector, 0) && isThere(core, disk.partition, now - low)) return [];
  return biosLoader(parts, { start: now === low ? high : low, size: half }).toReversed();
}

function firstSector(bootImg: Uint8Array, kernelSector: bigint): Uint8Array {
  const bytes = bootImg.slice(0, codeEnd);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(kernelSectorAt, kernelSector, true);
  // Some BIOSes name the drive wrongly; these two bytes jump over the line that corrects it, and become no-ops on a
  // hard disk.
  view.setUint16(driveCheckAt, 0x9090, true);
  return bytes;
}

/**
 * The list of blocks grows downwards from the end of the first sector; one entry is enough, the empty one below ends
 * it.
 */
function core(coreImg: Uint8Array, first: bigint): Uint8Array {
  const bytes = concat([coreImg, new Uint8Array(-coreImg.length & (sector - 1))]);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(blocklistAt, first + 1n, true);
  view.setUint16(blocklistAt + 8, bytes.length / sector - 1, true);
  return bytes;
}
