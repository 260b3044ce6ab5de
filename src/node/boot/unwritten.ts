import type { Host } from "../../host/host.ts";
import { diskOf, stateDevice } from "../state-disk.ts";

const MIB = 1024 * 1024;
/** Cards and sticks, which write some 10 MB a second, and all other disks. */
const LIMITS = { slow: 8 * MIB, usual: 16 * MIB } as const;

/**
 * Limits what programs have written to the node's disk and the kernel has only in memory. An fsync of ext4 waits until
 * the kernel has written what it began for others, too, and the kernel's own limit is a fifth of the memory: on a card,
 * etcd would wait for ten seconds while an image is written (Documentation/ABI/testing/sysfs-class-bdi). The kernel
 * keeps the limit as a share of the memory that is available now, so it falls with that.
 */
export function limitUnwritten(host: Host): void {
  const device = stateDevice(host);
  if (device === undefined) return;
  const disk = `/sys/class/block/${diskOf(host, device)}`;
  const isSlow = /\/(mmc_host|usb\d+)\//.test(host.readLink(disk));
  host.poke(`${disk}/bdi/max_bytes`, `${isSlow ? LIMITS.slow : LIMITS.usual}`);
  host.poke(`${disk}/bdi/strict_limit`, "1");
}
