import { expect, it } from "vitest";
import { parseAnswers } from "./watch.ts";

it("counts the answers to requests by their status", () => {
  expect(parseAnswers("      3 000\n   1204 200\n")).toEqual(
    new Map([
      ["000", 3],
      ["200", 1204],
    ]),
  );
  expect(parseAnswers("").size).toBe(0);
});
