/** What fsck.fat(8) says. Pure. */

/** What a power cut leaves behind without harm: nobody reads it, or it is counted anew. */
const HARMLESS = [
  /^fsck\.fat /,
  /^Dirty bit is set/,
  /^ *Automatically removing dirty bit/,
  /^Free cluster summary/,
  /^ +Auto-correcting/,
  /^Reclaimed \d+ unused clusters?/,
  /^Checking for unused clusters/,
  /^Leaving filesystem unchanged/,
  /: \d+ files, \d+\/\d+ clusters$/,
  /^There are differences between boot sector and its backup/,
  /^This is mostly harmless/,
  /^ {2}\d+:[0-9a-f]+\/[0-9a-f]+/,
  /^ {2}Not automatically fixing this/,
  /^$/,
];

/** Which lines of it tell of a fault, and how many clusters belong to no file. */
export function fatFaults(said: string): { readonly faults: string[]; readonly leaked: number } {
  const lines = said.split("\n").map((line) => line.trimEnd());
  const leaked = /^Reclaimed (\d+) unused cluster/m.exec(said)?.[1];
  return { faults: lines.filter((line) => !HARMLESS.some((known) => known.test(line))), leaked: Number(leaked ?? 0) };
}
