/**
 * The log of a block device's writes as dm-log-writes and QEMU's blklogwrites keep it
 * (Documentation/admin-guide/device-mapper/log-writes.rst, block/blklogwrites.c): a superblock, then entries, each of
 * them a sector that describes the write, and its data. Little-endian.
 */

/** The log's own unit, and that of the addresses in it. QEMU uses the sectors of the device. */
export interface WriteLogHeader {
  readonly sectorSize: number;
}

/** A write, a flush, or both. */
export interface LoggedWrite {
  /** Where on the device, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** Where its data lies in the log; `undefined` if it has none: a flush or a discard. */
  readonly data: number | undefined;
  /** Every write before this one is on the disk. */
  readonly flush: boolean;
  /** This write is on the disk when the device says that it is complete. */
  readonly forced: boolean;
  readonly discard: boolean;
  /** Where the next entry begins in the log. */
  readonly end: number;
}

const MAGIC = 0x6a736677736872n;
const VERSION = 1n;
const FLAGS = { flush: 1n, forced: 2n, discard: 4n, mark: 8n } as const;

/** Bytes that `parseLogHeader` and `parseLogEntry` look at. */
export const LOG_RECORD_BYTES = 32;

/** Reads the superblock. Throws if these bytes are none. */
export function parseLogHeader(bytes: Uint8Array): WriteLogHeader {
  const view = viewOf(bytes);
  const [magic, version] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  if (magic !== MAGIC || version !== VERSION) throw new Error("this is no log of writes of version 1");
  return { sectorSize: view.getUint32(24, true) };
}

/** Reads the description of the entry that begins at `at` in the log. */
export function parseLogEntry(bytes: Uint8Array, at: number, { sectorSize }: WriteLogHeader): LoggedWrite {
  const view = viewOf(bytes);
  const number = (offset: number) => Number(view.getBigUint64(offset, true));
  const flags = view.getBigUint64(16, true);
  const has = (flag: bigint) => (flags & flag) !== 0n;
  const [length, after] = [number(8) * sectorSize, at + sectorSize];
  const discard = has(FLAGS.discard);
  const mark = has(FLAGS.mark);
  // A mark carries a text of its own length; a discard nothing.
  const carried = mark ? Math.ceil(number(24) / sectorSize) * sectorSize : discard ? 0 : length;
  return {
    ...{ offset: number(0) * sectorSize, length: mark ? 0 : length, discard },
    data: mark || discard || length === 0 ? undefined : after,
    ...{ flush: has(FLAGS.flush), forced: has(FLAGS.forced), end: after + carried },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  if (bytes.length < LOG_RECORD_BYTES) throw new Error(`${bytes.length} bytes are no record of a log`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
