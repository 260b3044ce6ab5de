import { mkdirSync, statSync } from "node:fs";
import { open, readdir, rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../process/run.ts";
import { isLocked, withLock } from "./lockfile.ts";

/**
 * The results of build steps, by the identity of what went into them. A result is there as a whole or not at all:
 * it is made under another name, synced, and renamed. Nothing in it may be changed afterwards.
 */
export interface Store {
  readonly root: string;
  /** A directory of the cache beside the results, made if need be. */
  directory(name: string): string;
  /** Where the result `key` is or would be. */
  path(key: string): string;
  has(key: string): boolean;
  /** Notes that the result was used, so that `prune` keeps it. */
  touch(key: string): Promise<void>;
  /**
   * Makes the result unless it is there, and tells whether it was. Of several processes that want the same result
   * one makes it while the others wait.
   */
  make(key: string, signal: AbortSignal, fill: (directory: string) => Promise<void>): Promise<"made" | "found">;
  /** Removes a result, as a whole: whoever looks for it meanwhile finds all of it or nothing. */
  remove(key: string): Promise<void>;
  /** Removes what builds that were killed left behind. */
  sweep(): Promise<void>;
}

export function openStore(root: string): Store {
  const directory = (name: string) => {
    const path = join(root, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const path = (key: string) => join(root, "store", key);
  const has = (key: string) => statSync(path(key), { throwIfNoEntry: false }) !== undefined;
  const lockPath = (key: string) => join(directory("locks"), key);

  return {
    root,
    directory,
    path,
    has,
    touch: (key) => utimes(path(key), new Date(), new Date()),
    async make(key, signal, fill) {
      directory("store");
      return withLock(lockPath(key), signal, async () => {
        if (has(key)) return "found";
        await removeUnfinished(directory("unfinished"), key);
        const temporary = join(directory("unfinished"), `${key}.${process.pid}-${Date.now()}`);
        mkdirSync(temporary);
        try {
          await fill(temporary);
          // Unpacking a package sets the time of the directory to the package's, and what looks old is pruned.
          await utimes(temporary, new Date(), new Date());
          await sync(temporary);
          await rename(temporary, path(key));
        } catch (error) {
          await rm(temporary, { recursive: true, force: true });
          throw error;
        }
        return "made";
      });
    },
    async remove(key) {
      const doomed = join(directory("unfinished"), `${key}.removed-${process.pid}-${Date.now()}`);
      await rename(path(key), doomed).catch(ignoreMissing);
      await rm(doomed, { recursive: true, force: true });
    },
    async sweep() {
      for (const name of await readdir(directory("unfinished"))) {
        const key = name.replace(/\.[^.]*$/, "");
        if (!(await isLocked(lockPath(key)))) await removeUnfinished(directory("unfinished"), key);
      }
    },
  };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

async function removeUnfinished(directory: string, key: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(`${key}.`)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** Few files are synced one by one; for a whole tree it is quicker to flush the file system. */
async function sync(directory: string): Promise<void> {
  const names = await readdir(directory, { withFileTypes: true });
  if (names.length > 16 || names.some((entry) => entry.isDirectory())) {
    await runCommand(["sync", "--file-system", directory]);
    return;
  }
  for (const entry of names.filter((name) => name.isFile())) {
    const file = await open(join(directory, entry.name), "r");
    await file.sync().finally(() => file.close());
  }
}
