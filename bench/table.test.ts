import { describe, expect, it } from "vitest";
import { cell, markdownTable, textTable } from "./table.ts";

const table = {
  head: ["", "k3OS", "floor"],
  rows: [
    ["kernel", "1.2", "1.1"],
    ["node Ready", "25.4 (24.9–27.0)"],
  ],
};

it("aligns columns for a terminal", () => {
  expect(textTable(table)).toBe(
    [
      "                         k3OS   floor",
      "kernel                    1.2     1.1",
      "node Ready   25.4 (24.9–27.0)",
    ].join("\n"),
  );
});

it("writes Markdown", () => {
  expect(markdownTable(table)).toBe(
    [
      "|  | k3OS | floor |",
      "| --- | ---: | ---: |",
      "| kernel | 1.2 | 1.1 |",
      "| node Ready | 25.4 (24.9–27.0) |  |",
    ].join("\n"),
  );
});

describe("a cell", () => {
  it.each([
    [undefined, "–"],
    [{ median: 2.34, min: 2.34, max: 2.34, count: 1 }, "2.3"],
    [{ median: 2.34, min: 2, max: 3, count: 3 }, "2.3 (2.0–3.0)"],
  ])("%j: %s", (spread, wanted) => {
    expect(cell(spread)).toBe(wanted);
  });
});
