import type { Host } from "../../host/host.ts";
import { readMounts } from "../mounts.ts";
import { STATE } from "../places.ts";

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
  const device = readMounts(host).find(({ target }) => target === STATE)?.source;
  if (device === undefined) return;
  const block = `/sys/class/block/${device.slice("/dev/".length)}`;
  const path = host.readLink(block);
  const disk = host.stat(`${block}/partition`) === undefined ? block : `/sys/class/block/${path.split("/").at(-2)}`;
  host.poke(`${disk}/bdi/max_bytes`, `${/\/(mmc_host|usb\d+)\//.test(path) ? LIMITS.slow : LIMITS.usual}`);
  host.poke(`${disk}/bdi/strict_limit`, "1");
}
