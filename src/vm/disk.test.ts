import { describe, expect, it } from "vitest";
import { parseDiskSize } from "./disk.ts";

describe("parseDiskSize", () => {
  it.each([
    ["8G", 8192],
    ["20480M", 20480],
    ["8", 8192],
    ["2.5GiB", 2560],
    ["1T", 1048576],
  ])("%s", (text, want) => expect(parseDiskSize(text)).toBe(want));

  it.each(["much", "", "-1G", "8K"])("refuses %j", (text) => expect(() => parseDiskSize(text)).toThrow("is no size"));
  it("refuses what no node fits on", () => expect(() => parseDiskSize("1G")).toThrow("2048 MiB are the least"));
});
