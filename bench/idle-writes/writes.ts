/** What QEMU counts of a machine's disks. */
export interface Writes {
  readonly bytes: number;
  readonly operations: number;
  readonly flushes: number;
}

/** The sum over all disks of an answer to `query-blockstats` (QEMU's QMP reference, "BlockStats"). */
export function blockStats(answer: unknown): Writes {
  const devices = answer as readonly { readonly stats: Readonly<Record<string, number>> }[];
  const sum = (name: string) => devices.reduce((all, { stats }) => all + (stats[name] ?? Number.NaN), 0);
  return { bytes: sum("wr_bytes"), operations: sum("wr_operations"), flushes: sum("flush_operations") };
}

/** What was written between two counts that are so many hours apart, for one hour. */
export function writesBetween(before: Writes, after: Writes, hours: number): Writes {
  return {
    bytes: (after.bytes - before.bytes) / hours,
    operations: (after.operations - before.operations) / hours,
    flushes: (after.flushes - before.flushes) / hours,
  };
}
