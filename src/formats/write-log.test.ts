import { expect, it } from "vitest";
import { parseLogEntry, parseLogHeader } from "./write-log.ts";

const SECTOR = 512;

/** A record of 64-bit numbers. */
function recordOf(...numbers: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  for (const [index, number] of numbers.entries()) new DataView(bytes.buffer).setBigUint64(8 * index, number, true);
  return bytes;
}

const header = { sectorSize: SECTOR };

it("reads the superblock that QEMU writes", () => {
  expect(parseLogHeader(recordOf(0x6a736677736872n, 1n, 7n, 512n))).toEqual({ sectorSize: 512 });
  expect(() => parseLogHeader(recordOf(0x6a736677736872n, 2n, 7n, 512n))).toThrow("no log of writes");
  expect(() => parseLogHeader(new Uint8Array(8))).toThrow("8 bytes");
});

it.each([
  ["a write", [8n, 2n, 0n], { offset: 4096, length: 1024, data: 1024, flush: false, forced: false, end: 2048 }],
  ["a flush", [0n, 0n, 1n], { length: 0, data: undefined, flush: true, end: 1024 }],
  ["a write that is on the disk at once", [1n, 1n, 2n], { offset: 512, data: 1024, forced: true, end: 1536 }],
  ["a discard, which has no data", [0n, 128n, 4n], { length: 65536, data: undefined, discard: true, end: 1024 }],
  ["a mark, whose text is skipped", [0n, 0n, 8n, 5n], { length: 0, data: undefined, end: 1536 }],
])("reads %s", (_, numbers, wanted) => {
  expect(parseLogEntry(recordOf(...numbers), SECTOR, header)).toMatchObject(wanted);
});
