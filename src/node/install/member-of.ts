import type { Content } from "./contents.ts";

/** Kinds of storage that span several disks, by the blkid(8) types of their parts (libblkid/src/superblocks). */
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
 * What a disk with these contents is part of, even if nothing uses it now: a live system assembles no volume groups and
 * arrays. Completes "/dev/sda cannot be used: …"; `undefined` if the disk stands alone.
 */
export function memberOf(contents: readonly Content[]): string | undefined {
  for (const { path, type, label } of contents) {
    const whole = WHOLES.find(([pattern]) => pattern.test(type))?.[1];
    if (whole !== undefined) return `${path} belongs to ${whole}${label === "" ? "" : ` "${label}"`}`;
  }
  return undefined;
}
