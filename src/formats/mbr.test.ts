import { expect, it } from "vitest";
import { FAT32_LBA, hybridTable, MBR_TABLE_OFFSET } from "./mbr.ts";

it("a hybrid table has the partition, then the area of the GPT before it, and ends the sector", () => {
  const table = hybridTable({ type: FAT32_LBA, start: 4096, sectors: 528384 });
  expect(Buffer.from(table).toString("hex")).toBe(
    [
      "00feffff0cfeffff0010000000100800", // FAT32 at 4096, 528384 sectors
      "00feffffeefeffff01000000ff0f0000", // the GPT from 1 on, 4095 sectors
      "00".repeat(32),
      "55aa",
    ].join(""),
  );
  expect(MBR_TABLE_OFFSET + table.length).toBe(512);
});
