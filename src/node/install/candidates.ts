import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { SMALLEST_DISK_MIB } from "../../image/disk.ts";
import { type Disk, readDisks } from "../devices/disks.ts";
import { formatBytes } from "../format-bytes.ts";
import { type Mounted, readMounts, unquoted } from "../mounts.ts";
import { MEDIUM } from "../places.ts";
import { readAllContents } from "./contents.ts";
import { memberOf } from "./member-of.ts";
import type { Candidate } from "./select.ts";

const SMALLEST = SMALLEST_DISK_MIB * 1024 * 1024;

/** Lists every disk, with the reason if it cannot be used, or if using it would destroy more than its own content. */
export async function findCandidates(host: Host): Promise<Candidate[]> {
  const disks = readDisks(host);
  const contents = await readAllContents(host, disks);
  const mounts = readMounts(host);
  const swaps = readSwaps(host);
  return disks.map((disk) => {
    const refusal = whyNot(host, disk, mounts, swaps);
    const member = memberOf(contents.get(disk.path) ?? []);
    return { disk, ...(refusal !== undefined && { refusal }), ...(member !== undefined && { memberOf: member }) };
  });
}

function whyNot(host: Host, disk: Disk, mounts: readonly Mounted[], swaps: readonly string[]): string | undefined {
  const own = [disk, ...disk.partitions];
  const paths = own.map(({ path }) => path);
  const mounted = mounts.find(({ source }) => paths.includes(source));
  if (mounted !== undefined) {
    if (mounted.target === MEDIUM || mounted.target === "/") return "this system runs from it";
    return `${mounted.source} is mounted at ${mounted.target}`;
  }
  const swap = swaps.find((source) => paths.includes(source));
  if (swap !== undefined) return `${swap} is in use as swap`;
  for (const { name, path } of own) {
    const holder = holders(host, disk, name)[0];
    if (holder !== undefined) return `${path} belongs to ${describeHolder(host, holder)}`;
  }
  if (disk.readOnly) return "it is read-only";
  if (disk.size < SMALLEST) {
    return `it has ${formatBytes(disk.size)}, and k3OS needs ${formatBytes(SMALLEST)}`;
  }
  return undefined;
}

/** The devices in /proc/swaps. Its first line is a heading. */
function readSwaps(host: Host): string[] {
  const lines = readTextIf(host, "/proc/swaps")?.trim().split("\n") ?? [];
  return lines.slice(1).map((line) => unquoted(line.split(/\s+/)[0] ?? ""));
}

/** Devices built on top of this one: volume groups, RAID arrays, encrypted volumes. */
function holders(host: Host, disk: Disk, name: string): string[] {
  const at = name === disk.name ? `/sys/block/${name}/holders` : `/sys/block/${disk.name}/${name}/holders`;
  return host.stat(at) === undefined ? [] : host.list(at);
}

function describeHolder(host: Host, holder: string): string {
  if (holder.startsWith("md")) return `the RAID array /dev/${holder}`;
  const named = `/sys/block/${holder}/dm/name`;
  if (host.stat(named) === undefined) return `/dev/${holder}`;
  const uuid = `/sys/block/${holder}/dm/uuid`;
  const kind = readTextIf(host, uuid) ?? "";
  const what = kind.startsWith("LVM-")
    ? "the LVM volume"
    : kind.startsWith("CRYPT-")
      ? "the encrypted volume"
      : "the device";
  return `${what} ${host.readText(named).trim()}`;
}
