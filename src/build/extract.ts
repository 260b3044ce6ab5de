import { existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { matcher } from "../image/glob.ts";
import type { LockedPackage } from "../image/lock.ts";
import type { Work } from "./steps.ts";

/** Debian merged these into /usr; its archives rely on the links being there. */
const usrMerge = { bin: "usr/bin", sbin: "usr/sbin", lib: "usr/lib", lib64: "usr/lib64" };

/** Unpacks packages over each other into `work.out/<subdirectory>`. No script of theirs is run. */
export async function extractPackages(
  work: Work,
  packages: readonly LockedPackage[],
  debs: string,
  drop: readonly string[],
  subdirectory = ".",
): Promise<void> {
  const root = join(work.out, subdirectory);
  for (const [link, target] of Object.entries(usrMerge)) {
    mkdirSync(join(root, target), { recursive: true });
    symlinkSync(target, join(root, link));
  }
  let count = 0;
  for (const { name, sha256 } of packages) {
    work.update(`${++count}/${packages.length} ${name}`);
    await work.command(["dpkg-deb", "--extract", join(debs, `${sha256}.deb`), root]);
  }
  dropPaths(root, drop);
}

/** Removes the paths that the patterns name, but for files that match `keep`, and directories that are empty for it. */
export function dropPaths(
  root: string,
  patterns: readonly string[],
  { prefix = "/", keep = [] }: { readonly prefix?: string; readonly keep?: readonly string[] } = {},
): void {
  const dropped = matcher(patterns);
  const kept = matcher(keep);
  const clean = (directory: string, shown: string, doomed: boolean): void => {
    let removed = false;
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      const shownPath = `${shown}${entry.name}`;
      const goes = (doomed || dropped(shownPath)) && !kept(shownPath);
      // A file that is kept may lie below a directory that goes.
      if (goes && (keep.length === 0 || !entry.isDirectory())) {
        rmSync(path, { recursive: true });
        removed = true;
      } else if (entry.isDirectory()) {
        clean(path, `${shownPath}/`, goes);
        removed ||= !existsSync(path);
      }
    }
    if (removed && directory !== root && readdirSync(directory).length === 0) rmdirSync(directory);
  };
  clean(root, prefix, false);
}

/** Bytes of all files below a directory. */
export function treeSize(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
