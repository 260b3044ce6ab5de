import type { Host } from "../../host/host.ts";
import { type Blkid, readBlkid } from "../devices/blkid.ts";
import type { Disk } from "../devices/disks.ts";
import { formatBytes } from "../format-bytes.ts";

/** Something that would be lost: a partition, or a file system on the whole disk. */
export interface Content {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Type of the file system or volume, such as `ext4` or `LVM2_member`; empty if unknown. */
  readonly type: string;
  readonly label: string;
}

/** The contents of the disk; none if it is blank. */
export async function readContents(host: Host, disk: Disk): Promise<Content[]> {
  return (await readAllContents(host, [disk])).get(disk.path) ?? [];
}

/** The contents of each disk, by path. They come from blkid(8), which reads the devices themselves. */
export async function readAllContents(host: Host, disks: readonly Disk[]): Promise<ReadonlyMap<string, Content[]>> {
  const parts = disks.flatMap((disk) => [disk, ...disk.partitions]);
  const found = await readBlkid(
    host,
    parts.map(({ path }) => path),
  );
  return new Map(disks.map((disk) => [disk.path, contentsOf(disk, found)]));
}

function contentsOf(disk: Disk, found: Blkid): Content[] {
  return [disk, ...disk.partitions].flatMap(({ path, size }) => {
    const { TYPE: type = "", LABEL: label = "" } = found.get(path) ?? {};
    return path === disk.path && type === "" ? [] : [{ path, size, type, label }];
  });
}

export function describeContent({ path, size, type, label }: Content): string {
  const kind = type === "" ? "unknown content" : type;
  return `${path}  ${formatBytes(size)}  ${kind}${label === "" ? "" : ` "${label}"`}`;
}
