import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { SYSTEM } from "../../image/disk.ts";
import { formatBytes } from "../format-bytes.ts";

/** Bytes that stay free beside a new image: for its small files and the file system's own blocks. */
const RESERVE = 16 << 20;

/**
 * Removes the directories of systems that are not among `kept` (paths below the partition), and what interrupted copies
 * left. Returns their names.
 */
export function pruneSystems(host: Host, state: string, kept: readonly string[]): string[] {
  const directory = `${state}${SYSTEM}`;
  if (host.stat(directory) === undefined) return [];
  const doomed = host
    .list(directory)
    .filter((name) => host.stat(`${directory}/${name}`)?.type === "directory" && !kept.includes(`${SYSTEM}/${name}`));
  for (const name of doomed) host.remove(`${directory}/${name}`);
  return doomed;
}

/** Throws if the file system mounted at `path` has no room for `size` bytes and a little more. */
export async function requireRoom(
  host: Host,
  path: string,
  size: number,
  { what, hint }: { readonly what: string; readonly hint: string },
): Promise<void> {
  if (await hasRoom(host, path, size)) return;
  const free = await freeBytes(host, path);
  throw new K3osError(
    "host",
    `${what} has ${formatBytes(free)} left, and the image needs ${formatBytes(size + RESERVE)}`,
    { hint },
  );
}

/** Whether the file system mounted at `path` has room for `size` bytes and a little more. */
export async function hasRoom(host: Host, path: string, size: number): Promise<boolean> {
  return (await freeBytes(host, path)) >= size + RESERVE;
}

/** Bytes that are free on the file system of `path`. */
export async function freeBytes(host: Host, path: string): Promise<number> {
  const { stdout } = await host.exec(["df", "-P", "-k", path]);
  return Number(stdout.trim().split("\n").at(-1)?.split(/\s+/)[3] ?? 0) * 1024;
}
