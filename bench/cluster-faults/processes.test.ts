import { expect, it } from "vitest";
import { gone } from "./processes.ts";

it("a process is gone if its number is, or another one has it", () => {
  const before = [["12 500", "30 700"], ["12 500"]];
  expect(gone(before, before)).toBe(0);
  expect(gone(before, [["12 500", "30 700", "44 900"], ["12 999"]])).toBe(1);
  expect(gone(before, [["30 700"], [""]])).toBe(2);
});
