import { describe, expect, it } from "vitest";
import { median, rounded, spread } from "./statistics.ts";

describe("median", () => {
  it.each([
    [[3], 3],
    [[5, 1, 3], 3],
    [[10, 2, 4, 100], 7],
  ])("%j: %d", (values, wanted) => {
    expect(median(values)).toBe(wanted);
  });

  it("refuses to make one up", () => {
    expect(() => median([])).toThrow("nothing was measured");
  });
});

it("passes over what was not measured", () => {
  expect(spread([undefined, 4, 2, 9])).toEqual({ median: 4, min: 2, max: 9, count: 3 });
  expect(spread([undefined])).toBeUndefined();
});

it("rounds for output", () => {
  expect([rounded(25.456, 1), rounded(undefined, 1)]).toEqual([25.5, undefined]);
});
