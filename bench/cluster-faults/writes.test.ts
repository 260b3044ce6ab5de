import { expect, it } from "vitest";
import { allWroteAt, longestSilence, lost, type Write } from "./writes.ts";

const writes: readonly Write[] = [
  { name: "a", server: 0, at: 1000 },
  { name: "b", server: 1, at: 2000 },
  { name: "c", server: 1, at: 9000 },
  { name: "d", server: 0, at: 9500 },
];

it("finds the longest time without a write, also at both ends", () => {
  expect(longestSilence(writes, 0, 10_000)).toBe(7);
  expect(longestSilence(writes, 3000, 9000)).toBe(6);
  expect(longestSilence(writes, 9000, 19_500)).toBe(10);
  expect(longestSilence([], 0, 5000)).toBe(5);
});

it("knows since when all servers write again", () => {
  expect(allWroteAt(writes, 2, 0)).toBe(2000);
  expect(allWroteAt(writes, 2, 1500)).toBe(9500);
  expect(allWroteAt(writes, 3, 0)).toBeUndefined();
  expect(allWroteAt(writes, 2, 9200)).toBeUndefined();
});

it("misses what was acknowledged and is not there", () => {
  expect(lost(writes, new Set(["a", "b", "d", "e"]))).toEqual(["c"]);
});
