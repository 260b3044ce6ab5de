import { expect, it } from "vitest";
import { readAnswers, readExtents } from "./debugfs.ts";
import { fatFaults } from "./fat-faults.ts";

const extents = `Level Entries       Logical              Physical Length Flags
 0/ 1   1/  1     0 - 26651  34816             26652
 1/ 1   1/  3     0 -  2047   2414 -   4461   2048 
 1/ 1   2/  3  2048 - 26623  65536 -  90111  24576 
 1/ 1   3/  3 26624 - 26651  90112 -  90139     28 Uninit
`;

it("reads a file's extents, from the leaves of their tree only", () => {
  expect(readExtents(extents)).toEqual([
    { logical: 0, physical: 2414, count: 2048, unwritten: false },
    { logical: 2048, physical: 65536, count: 24576, unwritten: false },
    { logical: 26624, physical: 90112, count: 28, unwritten: true },
  ]);
});

it("tells the answers of debugfs apart", () => {
  const said = "debugfs: cat /a\none\ntwo\ndebugfs: cat /b\ndebugfs: ex /c\nLevel\n";
  expect(readAnswers(said, ["cat /a", "cat /b", "ex /c"])).toEqual(["one\ntwo\n", "", "Level\n"]);
  expect(() => readAnswers(said, ["cat /z"])).toThrow('did not come to "cat /z"');
});

const cut = `fsck.fat 4.2 (2021-01-31)
Dirty bit is set. Fs was not properly unmounted and some data may be corrupt.
 Automatically removing dirty bit.
Free cluster summary wrong (482251 vs. really 482250)
  Auto-correcting.
Reclaimed 31 unused clusters (15872 bytes).
/dev/shm/esp: 15 files, 37968/520219 clusters
`;

it("takes what every power cut leaves on a FAT for harmless, and counts the clusters that are lost", () => {
  expect(fatFaults(cut)).toEqual({ faults: [], leaked: 31 });
});

it("finds files that share clusters", () => {
  const shared = "/K3OS/B/VMLINUZ  and\n/K3OS/A/VMLINUZ\n  share clusters.\n  Truncating second to 0 bytes.\n";
  expect(fatFaults(cut + shared).faults).toContain("/K3OS/B/VMLINUZ  and");
});
