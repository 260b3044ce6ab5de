import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { nodeHost } from "../host/node.ts";
import { parseLock } from "../image/lock.ts";
import { digestOf } from "./digest.ts";
import { treeSize } from "./extract.ts";
import { withLock } from "./lockfile.ts";
import type { Store } from "./store.ts";

export interface PruneOptions {
  /** What nobody used for so long is removed. */
  readonly unusedDays?: number;
  /** Beyond this size also younger results are removed, oldest first; never what the latest builds are made of. */
  readonly maxBytes?: number;
  readonly now?: number;
}

const hourMs = 3600 * 1000;
const dayMs = 24 * hourMs;

/**
 * Notes what a build is made of, instead of what the latest build for the same purpose from the same sources was made
 * of. Two purposes, such as two formats, never share a note.
 */
export function rememberBuild(
  store: Store,
  purpose: string,
  sources: readonly string[],
  used: ReadonlySet<string>,
): void {
  const keys = [...used].map((path) => basename(path)).sort();
  const name = `${purpose}-${digestOf(sources).slice(0, 20)}.json`;
  nodeHost.write(join(store.directory("builds"), name), JSON.stringify(keys));
}

/** Removes from the cache what is not needed any more, one process at a time. Returns how many results that were. */
export function pruneStore(store: Store, options: PruneOptions = {}): Promise<number> {
  const never = new AbortController().signal;
  return withLock(join(store.directory("locks"), "prune"), never, () => removeUnneeded(store, options));
}

async function removeUnneeded(store: Store, options: PruneOptions): Promise<number> {
  const { unusedDays = 3, maxBytes = 12e9, now = Date.now() } = options;
  await store.sweep();
  const results = store.directory("store");
  const kept = keysOfLatestBuilds(store, now);
  const candidates = readdirSync(results)
    .filter((key) => !kept.has(key))
    .map((key) => ({ key, used: statSync(join(results, key)).mtimeMs }))
    // Another build may stand on what was used just now.
    .filter(({ used }) => now - used > hourMs)
    .sort((a, b) => a.used - b.used);
  let excess = treeSize(results) - maxBytes;
  let removed = 0;
  for (const { key, used } of candidates) {
    if (now - used < unusedDays * dayMs && excess <= 0) break;
    excess -= treeSize(join(results, key));
    await store.remove(key);
    removed += 1;
  }
  removePackages(store, now - unusedDays * dayMs);
  removeOld(store.directory("logs"), now - 7 * dayMs);
  removeOld(store.directory("failed"), now - 7 * dayMs);
  return removed;
}

function keysOfLatestBuilds(store: Store, now: number): Set<string> {
  const builds = store.directory("builds");
  removeOld(builds, now - 30 * dayMs);
  return new Set(
    readdirSync(builds).flatMap((name) => JSON.parse(readFileSync(join(builds, name), "utf8")) as string[]),
  );
}

/** Packages that no known list of versions names. */
function removePackages(store: Store, before: number): void {
  const resolved = store.directory("resolved");
  const lists = readdirSync(resolved).filter((name) => name.endsWith(".json"));
  const named = new Set(
    lists.flatMap((name) => {
      const { packages } = parseLock(readFileSync(join(resolved, name), "utf8"), name);
      return Object.values(packages).flatMap((set) => set.map(({ sha256 }) => `${sha256}.deb`));
    }),
  );
  removeOld(store.directory("debs"), before, (name) => !named.has(name));
}

function removeOld(directory: string, before: number, which: (name: string) => boolean = () => true): void {
  for (const name of readdirSync(directory).filter(which)) {
    const path = join(directory, name);
    if (existsSync(path) && statSync(path).mtimeMs < before) rmSync(path, { recursive: true, force: true });
  }
}
