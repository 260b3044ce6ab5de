import type { Host } from "../../host/host.ts";

/** The machine's memory that the kernel can use, in KiB; 0 if it does not tell. */
export function memoryKiB(host: Host): number {
  return Number(/^MemTotal:\s+(\d+) kB/m.exec(host.readText("/proc/meminfo"))?.[1] ?? 0);
}

/**
 * On a small machine, sets the kernel's memory reserve to what its own rule gives, √(16 · kB of memory). If transparent
 * huge pages are enabled, khugepaged raises the reserve to 5 % of the memory, for large allocations that such a machine
 * does not have (Documentation/admin-guide/sysctl/vm.rst, min_free_kbytes; mm/khugepaged.c).
 */
export function keepLittleMemoryBack(host: Host): void {
  const total = memoryKiB(host);
  if (total >= 4 * 1024 * 1024) return;
  host.poke("/proc/sys/vm/min_free_kbytes", `${Math.floor(Math.sqrt(16 * total))}`);
}
