import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { K3osError } from "../errors.ts";
import { nodeHost } from "../host/node.ts";
import type { ArchitectureName } from "../image/architecture.ts";
import { formatLock, type Lock, type LockedPackage, parseLock } from "../image/lock.ts";
import type { Progress } from "../progress.ts";
import type { Archive } from "./apt.ts";
import { type Apt, openApt, type PackageSet } from "./apt.ts";
import { digestOf } from "./digest.ts";
import { withLock } from "./lockfile.ts";
import { findMirrors } from "./mirror.ts";
import type { Store } from "./store.ts";

export interface PackageOptions {
  /** Of the machine that builds. */
  readonly host: ArchitectureName;
  readonly store: Store;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly apt: {
    readonly mirror?: string | undefined;
    readonly security?: string | undefined;
    /** Whether Debian's non-free-firmware is among the components; not every mirror has that. */
    readonly firmware?: boolean;
    /** Archives besides Debian's. */
    readonly sources: readonly Archive[];
  };
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Ask the mirror even if the last answer is fresh. */
  readonly refresh: boolean;
  /** Never ask the mirror. */
  readonly offline: boolean;
}

/** Where the build gets its packages. */
export interface PackageSource {
  /**
   * The packages of each set, newest versions; from the cache while the last answer is younger than a day. `title` is
   * what the progress shows.
   */
  resolve(sets: Readonly<Record<string, PackageSet>>, title?: string): Promise<Lock>;
  /** Puts the packages into `debs`, as `<sha256>.deb`. */
  fetch(packages: readonly LockedPackage[], log: (line: string) => void, update: (text: string) => void): Promise<void>;
  readonly debs: string;
}

const dayMs = 24 * 3600 * 1000;
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const suites = { debian: ["trixie", "trixie-updates"], "debian-security": ["trixie-security"] };

export function packageSource(options: PackageOptions): PackageSource {
  const { host, store, signal, offline } = options;
  const debs = store.directory("debs");
  const state = store.directory("apt");

  async function withApt<T>(
    architecture: ArchitectureName,
    log: (line: string) => void,
    action: (apt: Apt) => Promise<T>,
  ): Promise<T> {
    const archives = await findArchives(options);
    const directory = join(state, architecture);
    return withLock(join(store.directory("locks"), `apt-${architecture}`), signal, async () =>
      action(await openApt({ architecture, directory, archives, signal, log })),
    );
  }

  return {
    debs,
    async resolve(sets, title = "Package versions") {
      const display = options.progress.step(title);
      const files = Object.entries(sets).map(([name, set]) => ({ name, set, path: cachePath(store, options, set) }));
      const known = files.every(({ path }) => existsSync(path));
      const fresh = known && files.every(({ path }) => Date.now() - statSync(path).mtimeMs < dayMs);
      const read = (): Lock =>
        combine(files.map(({ name, path }) => [name, parseLock(readFileSync(path, "utf8"), path)]));
      if (known && (offline || (fresh && !options.refresh))) {
        const lock = read();
        display.done(`cached, ${dateOf(lock)}`);
        return lock;
      }
      if (offline) {
        display.fail();
        throw new K3osError(
          "network",
          "Without a network this image cannot be built: its packages were never resolved here.",
          {
            hint: "Build once with a network, then the cache suffices.",
          },
        );
      }
      const log: string[] = [];
      try {
        for (const architecture of new Set(files.map(({ set }) => set.architecture))) {
          await withApt(
            architecture,
            (line) => log.push(line),
            async (apt) => {
              display.update("asking the mirror");
              await apt.update();
              for (const { name, set, path } of files.filter((file) => file.set.architecture === architecture)) {
                display.update(`resolving ${name}`);
                remember(path, { format: 1, time: apt.indexTime(), packages: { [name]: await apt.resolve(set) } });
              }
            },
          );
        }
      } catch (error) {
        if (known && !options.refresh && error instanceof K3osError && error.kind === "network") {
          const lock = read();
          display.done(`the mirror cannot be reached: taking those of ${dateOf(lock)}`);
          return lock;
        }
        const logPath = join(store.directory("logs"), "packages.log");
        writeFileSync(logPath, `${log.join("\n")}\n`);
        if (!signal.aborted) display.fail(logPath);
        throw error;
      }
      const lock = read();
      display.done(`${Object.values(lock.packages).flat().length} packages, ${dateOf(lock)}`);
      return lock;
    },
    async fetch(packages, log, update) {
      const missing = packages.filter(({ sha256 }) => !existsSync(join(debs, `${sha256}.deb`)));
      if (missing.length === 0) return;
      if (offline) {
        const names = missing.slice(0, 3).map(({ name }) => name);
        throw new K3osError(
          "network",
          `Without a network ${missing.length} packages are missing (${names.join(", ")}, …).`,
          {
            hint: "Build once with a network, then the cache suffices.",
          },
        );
      }
      // Whatever they are for, they are files.
      await withApt(host, log, (apt) => apt.download(missing, debs, update));
    },
  };
}

async function findArchives({ env, apt, signal }: PackageOptions): Promise<Archive[]> {
  const mirrors = await findMirrors(env, apt, signal);
  if (!existsSync(debianKeyring)) {
    throw new K3osError("host", "Debian's archive keys are missing, so no package could be verified.", {
      hint: "Install the package debian-archive-keyring.",
    });
  }
  const archive = (name: keyof typeof suites, uri: string): Archive => ({
    name,
    uri,
    suites: suites[name],
    components: ["main", ...(apt.firmware === true ? ["non-free-firmware"] : [])],
    keyring: debianKeyring,
  });
  return [archive("debian", mirrors.debian), archive("debian-security", mirrors.security), ...apt.sources];
}

/** An answer is kept under its question. The mirror is no part of it: all mirrors have the same packages. */
function cachePath(store: Store, { apt }: PackageOptions, set: PackageSet): string {
  const sources = apt.sources.map(({ name, suites, components }) => ({ name, suites, components }));
  return join(store.directory("resolved"), `${digestOf({ set, suites, sources }).slice(0, 20)}.json`);
}

/** Keeps the old answer, and with it the time in all files, when the mirror has nothing new. */
function remember(path: string, lock: Lock): void {
  const old = existsSync(path) ? parseLock(readFileSync(path, "utf8"), path) : undefined;
  const same = old && formatLock({ ...old, time: 0 }) === formatLock({ ...lock, time: 0 });
  if (same) utimesSync(path, new Date(), new Date());
  else nodeHost.write(path, formatLock(lock));
}

function combine(locks: readonly (readonly [string, Lock])[]): Lock {
  return {
    format: 1,
    time: Math.max(...locks.map(([, { time }]) => time)),
    packages: Object.fromEntries(locks.map(([name, lock]) => [name, lock.packages[name] ?? []])),
  };
}

const dateOf = ({ time }: Lock) => new Date(time * 1000).toISOString().slice(0, 10);
