import { describe, expect, it } from "vitest";
import { lineSplitter, parseLine } from "./lines.ts";

describe("a line of the guest", () => {
  it.each([
    ["@12.34 mark root", { uptime: 12.34, kind: "mark", rest: "root" }],
    ["@40.00 done\r", { uptime: 40, kind: "done", rest: "" }],
    ['@3.10 stage {"stage":"x"}', { uptime: 3.1, kind: "stage", rest: '{"stage":"x"}' }],
    ["login: ", undefined],
    ["mail@12.34 mark root", undefined],
    ["@12 mark root", undefined],
  ])("%s", (text, wanted) => {
    expect(parseLine(text)).toEqual(wanted);
  });
});

it("puts lines together that arrive in pieces", () => {
  const lines: string[] = [];
  const feed = lineSplitter((line) => lines.push(line));
  for (const chunk of ["@1.0", "0 mark init\r\n@2.00 ma", "rk root\n", "@3.00"]) feed(chunk);
  expect(lines).toEqual(["@1.00 mark init", "@2.00 mark root"]);
});
