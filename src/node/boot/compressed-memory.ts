import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { loadModules } from "../initrd/coldplug.ts";
import { memoryKiB } from "./memory.ts";

/** A machine of 1 GB has more than this, and room for all that Kubernetes touches. */
const LITTLE_KIB = 900 * 1024;

/** Higher than that of any swap of the user's, which is on a disk. */
const PRIORITY = "100";

/**
 * On a machine with little memory, has the kernel compress what is not touched, instead of dropping the programs that
 * run and reading them again and again. Pods are not swapped: the kubelet gives them none
 * (Documentation/admin-guide/blockdev/zram.rst). Its size is what may be compressed; a third of that is really used.
 */
export async function compressMemory(host: Host): Promise<void> {
  const total = memoryKiB(host);
  if (total === 0 || total >= LITTLE_KIB) return;
  await loadModules(host, ["zram"]);
  host.poke("/sys/block/zram0/disksize", `${total}K`);
  await run(host, ["mkswap", "/dev/zram0"]);
  await run(host, ["swapon", "-p", PRIORITY, "/dev/zram0"]);
  // One page at a time: neighbours cost as much to uncompress, and a disk's seek is not saved.
  host.poke("/proc/sys/vm/page-cluster", "0");
  // Compressing a page is cheaper than reading one from a disk (Documentation/admin-guide/sysctl/vm.rst).
  host.poke("/proc/sys/vm/swappiness", "150");
}
