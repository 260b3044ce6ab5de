import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseLock } from "../image/lock.ts";
import { parseBaseSpec, parseImageSpec } from "../image/spec.ts";
import { type Progress, silent } from "../progress.ts";
import { digestOf } from "./digest.ts";
import type { DiskOptions } from "./media/disk.ts";
import { packageSource } from "./packages.ts";
import { checkHost, checkSpecFiles } from "./preflight.ts";
import { findProject, makerDigests, projectVersion } from "./project.ts";
import { type PruneOptions, pruneStore, rememberBuild } from "./prune.ts";
import { readNamedFile } from "./read-file.ts";
import {
  type BuiltImage,
  type DiskFormat,
  lockPackages,
  type Medium,
  makeDiskMedium,
  makeImage,
  makeIsoMedium,
  makeNetbootMedium,
  makeTools,
  type Workshop,
} from "./recipe.ts";
import { k3sReleases, officialReleases } from "./release.ts";
import { runRecipe } from "./steps.ts";
import { openStore } from "./store.ts";
import type { Tools } from "./tools.ts";
import { cacheDirectory } from "./xdg.ts";

export type { DiskOptions, SectorSize } from "./media/disk.ts";
export type { BuiltImage, DiskFormat, Medium } from "./recipe.ts";
export type { ToolCommand, Tools } from "./tools.ts";

export interface BuildOptions {
  /** What goes into the image: an `image.yaml`; that of the repository if not given. */
  readonly specPath?: string;
  /** Path of a lock: build from exactly those packages. */
  readonly lock?: string;
  /** Ask the mirror for newer packages even if that was done less than a day ago. */
  readonly refresh?: boolean;
  /** Never use the network. */
  readonly offline?: boolean;
  readonly progress?: Progress;
  /** Aborting stops everything that was started and leaves nothing half-made. The promise rejects after that. */
  readonly signal?: AbortSignal;
  /** Processors to use; all if not given. */
  readonly jobs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Builds an image, or finds the one that was built from the same inputs. */
export function build(options: BuildOptions = {}): Promise<BuiltImage> {
  return inWorkshop(options, makeImage);
}

/** Builds a hybrid disc image: `<dir>/k3os.iso` boots by BIOS and UEFI, from a disc and a USB stick. */
export function buildIso(options: BuildOptions = {}): Promise<Medium> {
  return inWorkshop(options, makeIsoMedium);
}

/** Builds what a boot server hands out: the image, `initrd-netboot`, which fetches the root over HTTP, and `boot.ipxe` in `<dir>`. */
export function buildNetboot(options: BuildOptions = {}): Promise<Medium> {
  return inWorkshop(options, makeNetbootMedium);
}

/** Builds a disk that boots by BIOS and UEFI and grows to the size of the one that it is put on: `<dir>/k3os.<format>`. */
export function buildDisk(format: DiskFormat, options: BuildOptions & DiskOptions = {}): Promise<Medium> {
  const { config, arguments: machine, sectorSize } = options;
  return inWorkshop(options, (shop) => makeDiskMedium(shop, format, { config, arguments: machine, sectorSize }));
}

/** The tree of tools, made if need be: QEMU, ssh, QuickJS and what else `os/base.yaml` lists. */
export function toolsTree(options: BuildOptions = {}): Promise<Tools> {
  return inWorkshop(options, async (shop) => makeTools(shop, await lockPackages(shop)));
}

/** Removes from the cache what the latest builds do not need and nobody used for days. Returns how many results that were. */
export function prune(options: Pick<BuildOptions, "env"> & PruneOptions = {}): Promise<number> {
  return pruneStore(openStore(cacheDirectory(options.env ?? process.env)), options);
}

const specHint = "Copy os/image.yaml from the repository and edit it.";
const lockHint = "Every image has its own beside it: `lock.json`.";

async function inWorkshop<T>(options: BuildOptions, make: (shop: Workshop) => Promise<T>): Promise<T> {
  const { env = process.env, progress = silent, signal } = options;
  const project = findProject();
  const specPath = resolve(options.specPath ?? join(project, "os/image.yaml"));
  const spec = parseImageSpec(readNamedFile(specPath, specHint), specPath);
  checkSpecFiles(spec, dirname(specPath));
  const base = parseBaseSpec(await readFile(join(project, "os/base.yaml"), "utf8"), "os/base.yaml");
  const givenLock =
    options.lock === undefined ? undefined : parseLock(readNamedFile(options.lock, lockHint), options.lock);
  const root = cacheDirectory(env);
  await checkHost(root, existsSync(join(root, "store")), signal);
  const store = openStore(root);
  await store.sweep();
  const sources = spec.apt.sources.map(({ suite, keyring, ...source }) => ({
    ...source,
    suites: [suite],
    keyring: resolve(dirname(specPath), keyring),
  }));
  return runRecipe({ store, progress, signal }, async (runner) => {
    const result = await make({
      project,
      specPath,
      spec,
      base,
      version: await projectVersion(project),
      makers: await makerDigests(project),
      runner,
      packages: packageSource({
        store,
        env,
        apt: { ...spec.apt, sources },
        progress,
        signal: runner.signal,
        refresh: options.refresh ?? false,
        offline: options.offline ?? false,
      }),
      releases: k3sReleases({
        store,
        baseUri: env.K3OS_K3S_RELEASES || officialReleases,
        signal: runner.signal,
        offline: options.offline ?? false,
        locked: givenLock?.k3s,
      }),
      givenLock,
      jobs: options.jobs,
    });
    rememberBuild(store, digestOf([make.name, specPath, options.lock ?? ""]).slice(0, 20), runner.used);
    if (runner.made) await pruneStore(store);
    return result;
  });
}
