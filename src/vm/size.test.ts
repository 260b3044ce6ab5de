import { describe, expect, it } from "vitest";
import { parseDiskSize, parseMemory } from "./size.ts";

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

describe("parseMemory", () => {
  it.each([
    ["1G", 1024],
    ["1g", 1024],
    ["1024M", 1024],
    ["1024", 1024],
    ["1.5G", 1536],
    ["2GiB", 2048],
    ["2GB", 2048],
    ["1048576K", 1024],
    [" 768M ", 768],
  ])("%s is %i MiB", (text, wanted) => {
    expect(parseMemory(text)).toBe(wanted);
  });

  it.each(["", "much", "1X", "-1G", "1G1"])("refuses %j, which is no amount", (text) => {
    expect(() => parseMemory(text)).toThrow(/is no amount of memory/);
  });

  it.each(["511M", "0", "0.4G", "1"])("refuses %s, which is too little", (text) => {
    expect(() => parseMemory(text)).toThrow(/too little .* 512 MiB/);
  });
});
