import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { formatBytes } from "../format-bytes.ts";
import type { Disk } from "./disks.ts";

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
  if (parts.length === 0) return new Map();
  const argv = ["blkid", "-c", "/dev/null", "-o", "export", ...parts.map(({ path }) => path)];
  const { status, stdout, stderr } = await host.exec(argv);
  // 2: blkid found nothing on any of them.
  if (status !== 0 && status !== 2) {
    throw new K3osError(
      "host",
      `the content of the disks cannot be read: ${stderr.trim() || `blkid: status ${status}`}`,
    );
  }
  const found = parseExport(stdout);
  return new Map(disks.map((disk) => [disk.path, contentsOf(disk, found)]));
}

function contentsOf(disk: Disk, found: ReadonlyMap<string, Readonly<Record<string, string>>>): Content[] {
  return [disk, ...disk.partitions].flatMap(({ path, size }) => {
    const { TYPE: type = "", LABEL: label = "" } = found.get(path) ?? {};
    return path === disk.path && type === "" ? [] : [{ path, size, type, label }];
  });
}

export function describeContent({ path, size, type, label }: Content): string {
  const kind = type === "" ? "unknown content" : type;
  return `${path}  ${formatBytes(size)}  ${kind}${label === "" ? "" : ` "${label}"`}`;
}

/** Parses blocks of `NAME=value` lines. DEVNAME starts a block; special characters are escaped with a backslash. */
function parseExport(text: string): Map<string, Record<string, string>> {
  const devices = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals < 0) continue;
    const name = line.slice(0, equals);
    const value = line.slice(equals + 1).replace(/\\(.)/g, "$1");
    if (name === "DEVNAME") {
      current = {};
      devices.set(value, current);
    }
    current[name] = value;
  }
  return devices;
}
