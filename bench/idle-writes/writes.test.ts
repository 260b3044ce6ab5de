import { expect, it } from "vitest";
import { blockStats, writesBetween } from "./writes.ts";

const disk = (bytes: number) => ({ stats: { wr_bytes: bytes, wr_operations: 2, flush_operations: 1, rd_bytes: 9 } });

it("adds up what all disks of a machine were told", () => {
  expect(blockStats([disk(512), disk(4096)])).toEqual({ bytes: 4608, operations: 4, flushes: 2 });
  expect(blockStats([{ stats: {} }]).bytes).toBeNaN();
});

it("says what that is in an hour", () => {
  const [before, after] = [blockStats([disk(0)]), blockStats([disk(1000), disk(1000)])];
  expect(writesBetween(before, after, 0.5)).toEqual({ bytes: 4000, operations: 4, flushes: 2 });
});
