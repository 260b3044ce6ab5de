import { expect, it } from "vitest";
import { checkHostMemory, hostMemory } from "./memory.ts";

const meminfo = "MemTotal:        4096000 kB\nMemFree:          100000 kB\nMemAvailable:    2048000 kB\n";

it("reads what the host has", () => {
  expect(hostMemory(meminfo)).toEqual({ totalMiB: 4000, availableMiB: 2000 });
});

it("refuses a machine that the host cannot hold", () => {
  expect(() => checkHostMemory([1024, 1024], meminfo)).toThrow(
    /2048 MiB of memory, but this host has only 2000 MiB free/,
  );
  expect(() => checkHostMemory([1024], meminfo)).not.toThrow();
});
