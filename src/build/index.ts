import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { architectureFor, chooseFlavour, type FlavourName, parseFlavours } from "../image/flavours.ts";
import { parseLock } from "../image/lock.ts";
import { type ImageSpec, parseBaseSpec, parseImageSpec } from "../image/spec.ts";
import { type Progress, silent } from "../progress.ts";
import { type GoToolchain, goToolchain } from "./go.ts";
import { hostArchitecture, usualArchitecture } from "./host-architecture.ts";
import type { BuiltImage } from "./image.ts";
import { kubernetes } from "./kube.ts";
import { MAKERS, makerDigests } from "./makers.ts";
import type { DiskOptions } from "./media/disk.ts";
import { type DiskFormat, type Format, MEDIA, refuseBoard, refuseMedium } from "./media/index.ts";
import { checkLock, lockPackages } from "./package-lock.ts";
import { packageSource } from "./packages.ts";
import { checkHost, checkSpecFiles } from "./preflight.ts";
import { findProject, projectVersion } from "./project.ts";
import { type PruneOptions, pruneStore, rememberBuild } from "./prune.ts";
import { readNamedFile } from "./read-file.ts";
import { makeDevImage, makeImage } from "./recipe.ts";
import { k3sReleases, officialReleases } from "./release.ts";
import { runRecipe } from "./steps.ts";
import { openStore } from "./store.ts";
import type { Tools } from "./tools.ts";
import { toolsTree as makeToolsTree, targetTree } from "./tools-tree.ts";
import { readUpgrader, type Upgrader, upgraderLayer } from "./upgrader.ts";
import type { Workshop } from "./workshop.ts";
import { cacheDirectory } from "./xdg.ts";

export type { BuiltImage } from "./image.ts";
export type { DiskOptions, SectorSize } from "./media/disk.ts";
export type { DiskFormat, Format } from "./media/index.ts";
export { OCI_ARCHIVE, writeArchive } from "./media/oci.ts";
export type { ToolCommand, Tools } from "./tools.ts";
export type { Upgrader } from "./upgrader.ts";

/** An image.yaml that lies nowhere. */
export interface SpecText {
  readonly text: string;
  /** How errors call it. Builds of the same name are builds of the same spec: the latest one is kept in the cache. */
  readonly name: string;
  /** Relative paths in it are meant from here. */
  readonly directory: string;
}

export interface BuildOptions {
  /** What it is for; `K3OS_ARCH` of the environment or, without that, what this machine is, if not given. */
  readonly architecture?: ArchitectureName;
  /** What goes into the image: an image.yaml or its path; that of the repository if not given. */
  readonly spec?: string | SpecText;
  /** A row of `os/flavours.yaml` or of the spec; if not given, that of the spec, the lock, or else `usualFlavour`. */
  readonly flavour?: string;
  /** The flavour if nothing names one; what the medium usually has (`MEDIA`) if not given. */
  readonly usualFlavour?: FlavourName;
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
  /** The environment. `K3OS_DEBUG` in it keeps the directories of a step that fails. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** An image in a form that a machine boots from. */
export interface Medium {
  readonly image: BuiltImage;
  /** Directory with the files of the medium. */
  readonly dir: string;
}

/** Builds an image, or finds the one that was built from the same inputs. */
export async function build(options: BuildOptions = {}): Promise<BuiltImage> {
  return (await buildMedium("image", options)).image;
}

/**
 * Builds an image whose initrd, and not its root, holds the node's program and os/rootfs. It boots only with `k3os.dev`
 * on the kernel's command line.
 */
export function buildDevImage(options: BuildOptions = {}): Promise<BuiltImage> {
  return inWorkshop("dev", options, async (shop) => (await makeDevImage(shop)).image);
}

/** Builds the image and of it a medium (`MEDIA`). Only disks have a place for `DiskOptions`. */
export async function buildMedium(format: Format, options: BuildOptions & DiskOptions = {}): Promise<Medium> {
  const { config, arguments: machine, sectorSize } = options;
  return inWorkshop(format, options, async (shop) => {
    refuseBoard(format, shop.flavour, sectorSize);
    const made = await makeImage(shop);
    return { image: made.image, dir: await MEDIA[format].make(shop, made, { config, arguments: machine, sectorSize }) };
  });
}

/** Several media of one image. */
export interface Media {
  readonly image: BuiltImage;
  /** A directory with the files of each medium. */
  readonly dirs: readonly string[];
}

/** Builds the image once, and one medium of it for each of `each`, one after the other. */
export function buildMedia(format: Format, options: BuildOptions, each: readonly DiskOptions[]): Promise<Media> {
  return inWorkshop(format, options, async (shop) => {
    for (const { sectorSize } of each) refuseBoard(format, shop.flavour, sectorSize);
    const made = await makeImage(shop);
    const dirs: string[] = [];
    for (const one of each) dirs.push(await MEDIA[format].make(shop, made, one));
    return { image: made.image, dirs };
  });
}

/** Builds a hybrid disc image: `<dir>/k3os.iso` boots by UEFI and, where there is one, by BIOS; it suits USB sticks. */
export function buildIso(options: BuildOptions = {}): Promise<Medium> {
  return buildMedium("iso", options);
}

/**
 * Builds what a boot server hands out: in `<dir>` the image, `initrd-netboot`, which fetches the root over HTTP, and
 * `boot.ipxe`.
 */
export function buildNetboot(options: BuildOptions = {}): Promise<Medium> {
  return buildMedium("netboot", options);
}

/**
 * Builds a disk that boots like the ISO and grows to the size of the one that it is put on: `<dir>/k3os.<format>`.
 */
export function buildDisk(format: DiskFormat, options: BuildOptions & DiskOptions = {}): Promise<Medium> {
  return buildMedium(format, options);
}

/** The tree of tools, made if need be: QEMU, ssh, QuickJS and others (`os/base.yaml`). They run on this machine. */
export function toolsTree(options: BuildOptions = {}): Promise<Tools> {
  return inWorkshop("tools", options, async (shop) => makeToolsTree(shop, await lockPackages(shop)));
}

/** The layer that makes a container image of an image, for publishing. */
export function buildUpgrader(options: BuildOptions = {}): Promise<Upgrader> {
  return inWorkshop("tools", options, async (shop) => {
    const lock = await lockPackages(shop);
    const [tools, target] = await Promise.all([makeToolsTree(shop, lock), targetTree(shop, lock)]);
    return readUpgrader(await upgraderLayer(shop, { tools, target }));
  });
}

/** The Go compiler that Kubernetes is built and tested with, fetched if need be. */
export function goCompiler(options: BuildOptions = {}): Promise<GoToolchain> {
  return inWorkshop("go", options, goToolchain);
}

/** The directory with the `k3s` of the image, made if need be: the one that runs on this machine. */
export function kubernetesTree(options: Omit<BuildOptions, "architecture"> = {}): Promise<string> {
  const own = { ...options, architecture: hostArchitecture() };
  return inWorkshop("kube", own, async (shop) => (await kubernetes(shop)).directory);
}

/** Removes results that no latest build needs and nobody has used for days. Returns how many. */
export function prune(options: Pick<BuildOptions, "env"> & PruneOptions = {}): Promise<number> {
  return pruneStore(openStore(cacheDirectory(options.env ?? process.env)), options);
}

const FLAVOURS = "os/flavours.yaml";
const specHint = "Copy os/image.yaml from the repository and edit it.";
const lockHint = "Every image has its own beside it: `lock.json`.";

type Purpose = Format | "dev" | "tools" | "go" | "kube";

/**
 * For which machines a build is, by command line, image.yaml and lock, and the lock, which is for the same. A flavour
 * whose machines have one processor alone decides that for images, but not for the tools of this workstation.
 */
async function chooseMachines(
  purpose: Purpose,
  { lock, env = process.env, ...options }: BuildOptions,
  { project, spec }: { readonly project: string; readonly spec: ImageSpec },
) {
  const given = lock === undefined ? undefined : parseLock(readNamedFile(lock, lockHint), lock);
  const text = await readFile(join(project, FLAVOURS), "utf8");
  const tableFor = (one: ArchitectureName) => parseFlavours(text, FLAVOURS, ARCHITECTURES[one]);
  const usual = options.usualFlavour ?? (isFormat(purpose) ? MEDIA[purpose].flavour : "cloud");
  const choice = { asked: options.flavour ?? spec.flavour ?? given?.flavour, usual, own: spec.flavours };
  const usualOne = options.architecture ?? usualArchitecture(env);
  const isImage = isFormat(purpose) || purpose === "dev";
  const architecture = isImage
    ? architectureFor(chooseFlavour(tableFor(usualOne), choice), options.architecture, usualOne)
    : usualOne;
  const givenLock = given && checkLock(given, architecture);
  const flavours = tableFor(architecture);
  const flavour = chooseFlavour(flavours, { ...choice, lock: givenLock });
  if (isFormat(purpose)) refuseMedium(purpose, architecture);
  return { architecture, flavour, flavours, givenLock };
}

/**
 * Reads what the build is made from, and runs `make` on it. `purpose` tells builds apart of which the latest is kept in
 * the cache, together with spec and lock.
 */
async function inWorkshop<T>(
  purpose: Purpose,
  options: BuildOptions,
  make: (shop: Workshop) => Promise<T>,
): Promise<T> {
  const { env = process.env, progress = silent, signal, jobs, offline = false, refresh = false } = options;
  const project = findProject();
  const { spec, name: specName, directory: specDirectory } = readSpec(options.spec ?? join(project, "os/image.yaml"));
  checkSpecFiles(spec, specDirectory);
  const { architecture, flavour, flavours, givenLock } = await chooseMachines(purpose, options, { project, spec });
  const names = { architecture, host: hostArchitecture() };
  const base = parseBaseSpec(await readFile(join(project, "os/base.yaml"), "utf8"), "os/base.yaml", names);
  const root = cacheDirectory(env);
  await checkHost(root, existsSync(join(root, "store")), signal);
  const store = openStore(root);
  await store.sweep();
  const sources = spec.apt.sources.map(({ suite, keyring, ...source }) => ({
    ...source,
    suites: [suite],
    keyring: resolve(specDirectory, keyring),
  }));
  const [version, makers] = await Promise.all([projectVersion(project), makerDigests(project, MAKERS)]);
  const keepFailed = Boolean(env.K3OS_DEBUG);
  return runRecipe({ store, progress, makers, signal, jobs, keepFailed }, async (runner) => {
    const shared = { ...names, store, signal: runner.signal, offline };
    const result = await make({
      ...{
        project,
        spec,
        specDirectory,
        base,
        version,
        ...names,
        flavour,
        flavours,
        runner,
        givenLock,
      },
      packages: packageSource({
        ...shared,
        env,
        apt: { ...spec.apt, sources, firmware: flavour.firmware.packages.length + flavour.microcode.length > 0 },
        progress,
        refresh,
      }),
      releases: k3sReleases({
        ...shared,
        baseUri: env.K3OS_K3S_RELEASES || officialReleases,
        locked: givenLock?.k3s,
      }),
    });
    rememberBuild(store, purpose, [specName, options.lock ?? "", flavour.name, architecture], runner.used);
    if (runner.made) await pruneStore(store);
    return result;
  });
}

function isFormat(purpose: Purpose): purpose is Format {
  return Object.hasOwn(MEDIA, purpose);
}

function readSpec(source: string | SpecText): { spec: ImageSpec; name: string; directory: string } {
  if (typeof source !== "string") {
    return { spec: parseImageSpec(source.text, source.name), name: source.name, directory: source.directory };
  }
  const path = resolve(source);
  return { spec: parseImageSpec(readNamedFile(path, specHint), path), name: path, directory: dirname(path) };
}
