import { expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { compressMemory } from "./compressed-memory.ts";

const machine = (kib: number) =>
  memoryHost({
    files: {
      "/proc/meminfo": `MemTotal:         ${kib} kB\nMemFree:          1 kB\n`,
      "/sys/block/zram0/disksize": "0\n",
      "/proc/sys/vm/page-cluster": "3\n",
      "/proc/sys/vm/swappiness": "60\n",
    },
    programs: { modprobe: () => ({}), mkswap: () => ({}), swapon: () => ({}) },
  });

it("compresses the memory of a small machine before anything is dropped", async () => {
  const host = machine(478_000);
  await compressMemory(host);
  expect(host.readText("/sys/block/zram0/disksize")).toBe("478000K");
  expect(host.readText("/proc/sys/vm/page-cluster")).toBe("0");
  expect(host.ran.map(([program]) => program)).toEqual(["modprobe", "mkswap", "swapon"]);
});

it("leaves a machine of 1 GB alone", async () => {
  const host = machine(980_000);
  await compressMemory(host);
  expect(host.ran).toEqual([]);
  expect(host.readText("/proc/sys/vm/swappiness")).toBe("60\n");
});
