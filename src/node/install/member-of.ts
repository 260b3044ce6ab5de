import type { Content } from "./contents.ts";

/**
 * Wholes that several disks may make together, by the types that blkid(8) gives to their parts
 * (libblkid/src/superblocks).
 */
const WHOLES: readonly (readonly [type: RegExp, whole: string])[] = [
  [/^LVM[12]_member$/, "an LVM volume group"],
  [/_raid_member$/, "a RAID array"],
  [/^zfs_member$/, "a ZFS pool"],
  [/^bcache$/, "a bcache"],
  [/^ceph_bluestore$/, "a Ceph cluster"],
  [/^drbd/, "a DRBD volume"],
  [/^VMFS_volume_member$/, "a VMFS datastore"],
];

/**
 * What the disk with these contents is a part of, though nothing uses it now: nothing on a live system puts volume
 * groups and arrays together. Completes "/dev/sda cannot be used: …"; `undefined` if there is nothing but its own.
 */
export function memberOf(contents: readonly Content[]): string | undefined {
  for (const { path, type, label } of contents) {
    const whole = WHOLES.find(([pattern]) => pattern.test(type))?.[1];
    if (whole !== undefined) return `${path} belongs to ${whole}${label === "" ? "" : ` "${label}"`}`;
  }
  return undefined;
}
