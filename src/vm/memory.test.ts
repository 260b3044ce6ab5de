import { describe, expect, it } from "vitest";
import { checkHostMemory, hostMemory, parseMemory } from "./memory.ts";

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

  it.each(["512M", "0", "0.5G", "1"])("refuses %s, which is too little", (text) => {
    expect(() => parseMemory(text)).toThrow(/too little .* 768 MiB/);
  });
});

const meminfo = "MemTotal:        4096000 kB\nMemFree:          100000 kB\nMemAvailable:    2048000 kB\n";

it("reads what the host has", () => {
  expect(hostMemory(meminfo)).toEqual({ totalMiB: 4000, availableMiB: 2000 });
});

it("refuses a machine that the host cannot hold", () => {
  expect(() => checkHostMemory(2048, meminfo)).toThrow(/2048 MiB of memory, but this host has only 2000 MiB free/);
  expect(() => checkHostMemory(1024, meminfo)).not.toThrow();
});
