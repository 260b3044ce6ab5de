/** A partition in a table as DOS had it; all numbers are sectors. */
export interface MbrPartition {
  /** Such as `FAT32_LBA`. */
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}

export const FAT32_LBA = 0x0c;
const GPT_PROTECTIVE = 0xee;

/** Where `hybridTable` belongs in the first sector of a disk. */
export const MBR_TABLE_OFFSET = 446;

/**
 * The table of a disk with a GPT, for firmware that does not read that: the one partition, and after it the area that
 * belongs to the GPT, from its header to that partition. Whatever reads GPT knows by the latter that there is one. The
 * partition comes first, as the firmware of boards expects it.
 */
export function hybridTable(partition: MbrPartition): Uint8Array {
  const table = new Uint8Array(4 * 16 + 2);
  const view = new DataView(table.buffer);
  const gpt = { type: GPT_PROTECTIVE, start: 1, sectors: partition.start - 1 };
  for (const [index, { type, start, sectors }] of [partition, gpt].entries()) {
    const at = index * 16;
    // Cylinders, heads and sectors: more than these can say.
    table.set([0, 0xfe, 0xff, 0xff, type, 0xfe, 0xff, 0xff], at);
    view.setUint32(at + 8, start, true);
    view.setUint32(at + 12, sectors, true);
  }
  table.set([0x55, 0xaa], 64);
  return table;
}
