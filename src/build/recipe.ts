import { createHash } from "node:crypto";
import { linkSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { K3osError } from "../errors.ts";
import { formatImageJson, type ImageJson } from "../image/image-json.ts";
import { formatLock, type Lock } from "../image/lock.ts";
import type { BaseSpec, ImageSpec } from "../image/spec.ts";
import type { PackageSet } from "./apt.ts";
import { bundleNode, type NodePrograms } from "./bundle.ts";
import { digestOf, digestTree, sha256File } from "./digest.ts";
import { extractPackages, megabytes, treeSize } from "./extract.ts";
import { finishRoot } from "./finish.ts";
import { type InitrdParts, makeInitrd } from "./initrd.ts";
import { type Kernel, kernelIn, makeKernel } from "./kernel.ts";
import { compileKube, requireGo } from "./kube.ts";
import { makeLoader } from "./loader.ts";
import { type DiskOptions, makeRawDisk } from "./media/disk.ts";
import { makeIso } from "./media/iso.ts";
import { makeNetboot } from "./media/netboot.ts";
import { convertDisk, type VirtualDiskFormat } from "./media/virtual-disk.ts";
import type { PackageSource } from "./packages.ts";
import { namedFiles } from "./preflight.ts";
import type { makerDigests } from "./project.ts";
import type { K3sRelease, Releases } from "./release.ts";
import { makeRoot } from "./root.ts";
import type { Runner, Step } from "./steps.ts";
import { type Tools, toolsIn } from "./tools.ts";

/** What every step of a build stands on. */
export interface Workshop {
  readonly project: string;
  readonly specPath: string;
  readonly spec: ImageSpec;
  readonly base: BaseSpec;
  readonly version: string;
  /** Identity of the code that makes each result. */
  readonly makers: Awaited<ReturnType<typeof makerDigests>>;
  readonly runner: Runner;
  readonly packages: PackageSource;
  readonly releases: Releases;
  /** A lock to build from, instead of the newest packages. */
  readonly givenLock: Lock | undefined;
  readonly jobs: number | undefined;
}

export interface BuiltImage {
  /** Holds `vmlinuz`, `initrd`, `root.squashfs`, `image.json` and `lock.json`. */
  readonly dir: string;
  readonly imageJson: ImageJson;
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
  /** The k3s binary as it is in the image. It runs on this machine, too: `k3s kubectl`. */
  readonly k3s: string;
  /** Directory with the files that make a disk bootable. */
  readonly loader: string;
  readonly tools: Tools;
}

/** zstd level of the root: the highest that an edit can wait for. */
const rootLevel = 9;

/** The recipe of an image. */
export async function makeImage(shop: Workshop): Promise<BuiltImage> {
  return (await makeImageOf(shop)).image;
}

/** Steps that do not wait for each other run side by side. */
async function makeImageOf(shop: Workshop): Promise<{ readonly image: BuiltImage; readonly system: System }> {
  const [kube, system] = await Promise.all([makeKube(shop), makeSystem(shop)]);
  const [initrd, root] = await Promise.all([makeInitrdImage(shop, system), makeRootImage(shop, system, kube)]);
  return { image: await assembleImage(shop, system, { kube, initrd, root }), system };
}

/** An image in a form that a machine boots from. */
export interface Medium {
  readonly image: BuiltImage;
  /** Directory with the files of the medium. */
  readonly dir: string;
}

export async function makeIsoMedium(shop: Workshop): Promise<Medium> {
  const image = await makeImage(shop);
  const dir = await shop.runner.run({
    name: "iso",
    title: "ISO",
    inputs: { image: image.dir, loader: image.loader, maker: shop.makers.iso, tools: image.tools.root },
    run: (work) => makeIso(work, image),
  });
  return { image, dir };
}

export async function makeNetbootMedium(shop: Workshop): Promise<Medium> {
  const { image, system } = await makeImageOf(shop);
  const { inputs, parts } = await initrdParts(shop, system, {
    program: system.programs.netboot,
    modules: [...shop.base.initrd.modules, ...shop.base.initrd.netboot],
    overlays: ["os/initrd", "os/netboot"],
  });
  const dir = await shop.runner.run({
    name: "netboot",
    title: "Netboot set",
    inputs: { ...inputs, image: image.dir, maker: shop.makers.netboot },
    run: (work) => makeNetboot(work, image, parts),
  });
  return { image, dir };
}

export type DiskFormat = "raw" | VirtualDiskFormat;

/** A disk as a node boots it, `k3os.<format>`. With a config inside, only the builder can read the result. */
export async function makeDiskMedium(shop: Workshop, format: DiskFormat, options: DiskOptions = {}): Promise<Medium> {
  const image = await makeImage(shop);
  const { config, ...rest } = options;
  const inputs = { ...rest, config: config && digestOf(config), maker: shop.makers.disk, tools: image.tools.root };
  const raw = await shop.runner.run({
    name: "raw",
    title: "Disk",
    inputs: { ...inputs, image: image.dir, loader: image.loader },
    run: (work) => makeRawDisk(work, image, options, join(work.out, "k3os.raw")),
  });
  if (format === "raw") return { image, dir: raw };
  const dir = await shop.runner.run({
    name: format,
    title: `Disk as ${format}`,
    inputs: { raw, maker: shop.makers.virtualDisk, tools: image.tools.root },
    run: (work) => convertDisk(work, image, join(raw, "k3os.raw"), format, config !== undefined),
  });
  return { image, dir };
}

/** Everything but Kubernetes. */
interface System {
  readonly lock: Lock;
  readonly tools: Tools;
  /** The finished packages of the root. */
  readonly packages: string;
  readonly kernel: Kernel;
  /** Directory with the files of the boot loader. */
  readonly loader: string;
  readonly programs: NodePrograms;
}

async function makeSystem(shop: Workshop): Promise<System> {
  const [programs, lock] = await Promise.all([bundleNode(shop.project), lockPackages(shop)]);
  const tools = await makeTools(shop, lock);
  const [packages, kernel, loader] = await Promise.all([
    makePackages(shop, lock, tools),
    makeKernelTree(shop, lock, tools),
    makeBootLoader(shop, tools),
  ]);
  return { lock, tools, packages, kernel, loader, programs };
}

function makeBootLoader(shop: Workshop, tools: Tools): Promise<string> {
  return shop.runner.run({
    name: "loader",
    title: "Boot loader",
    inputs: { maker: shop.makers.loader, tools: tools.root },
    run: (work) => makeLoader(work, tools),
  });
}

export async function lockPackages({ givenLock, packages, base, spec }: Workshop): Promise<Lock> {
  if (givenLock) return givenLock;
  const kernel = spec.kernel.package ? [spec.kernel.package] : base.kernel.packages;
  const sets: Record<string, PackageSet> = {
    root: { packages: [...base.packages, ...spec.packages], exclude: base.exclude },
    kernel: { packages: kernel, exclude: base.kernel.exclude },
    tools: { packages: base.tools.packages, exclude: base.tools.exclude },
  };
  return packages.resolve(sets);
}

/** The programs that the other steps and the virtual machines use. */
export async function makeTools(shop: Workshop, lock: Lock): Promise<Tools> {
  const { drop } = shop.base.tools;
  const root = await packageStep(shop, lock, "tools", "Tools", { drop }, async (work) => {
    await extractPackages(work, lock.packages.tools ?? [], shop.packages.debs, drop);
    return megabytes(treeSize(work.out));
  });
  return toolsIn(root);
}

async function makePackages(shop: Workshop, lock: Lock, tools: Tools): Promise<string> {
  const { base, spec, makers } = shop;
  const drop = [...base.drop, ...spec.drop];
  const own = { ...base, kernel: {}, initrd: {}, tools: {} };
  const inputs = { base: own, drop, maker: makers.packages, tools: tools.root };
  return packageStep(shop, lock, "root", "Root packages", inputs, async (work) => {
    await extractPackages(work, lock.packages.root ?? [], shop.packages.debs, []);
    await finishRoot(work, base, drop, tools);
    return megabytes(treeSize(work.out));
  });
}

async function makeKernelTree(shop: Workshop, lock: Lock, tools: Tools): Promise<Kernel> {
  const { drop } = shop.base.kernel;
  const { keep } = shop.spec.kernel;
  const inputs = { drop, keep, maker: shop.makers.kernel, tools: tools.root };
  const directory = await packageStep(shop, lock, "kernel", "Kernel", inputs, (work) =>
    makeKernel(work, lock.packages.kernel ?? [], shop.packages.debs, { drop, keep }, tools),
  );
  return kernelIn(directory);
}

/** A step whose result is made of the locked packages of one set, which are fetched first. */
function packageStep(
  { runner, packages }: Workshop,
  lock: Lock,
  set: string,
  title: string,
  inputs: Record<string, unknown>,
  run: Step["run"],
): Promise<string> {
  const locked = lock.packages[set] ?? [];
  return runner.run({
    name: `${set}-packages`,
    title,
    inputs: { ...inputs, packages: locked.map(({ sha256 }) => sha256) },
    async run(work) {
      await packages.fetch(locked, work.log, (bytes) => work.update(`fetching, ${bytes}`));
      return run(work);
    },
  });
}

interface Kube {
  /** Holds `k3s`, the file `version` and, when built from source, the runc shim. */
  readonly directory: string;
  readonly release?: K3sRelease;
}

async function makeKube({ spec, project, runner, jobs, releases }: Workshop): Promise<Kube> {
  if (spec.kubernetes.source === "k3s") {
    const release = await releases.resolve(spec.kubernetes.version);
    const directory = await runner.run({
      name: "k3s",
      title: `k3s ${release.version}`,
      inputs: release,
      run: (work) => releases.fetch(work, release),
    });
    return { directory, release };
  }
  const go = await requireGo(project, runner.signal);
  const identify = () => digestTree(join(project, "kube"), (name) => name.endsWith("_test.go"));
  const source = await identify();
  const directory = await runner.run({
    name: "kube",
    title: "Kubernetes",
    inputs: { go, source },
    async run(work) {
      const size = await compileKube(work, project, jobs);
      if ((await identify()) === source) return size;
      throw new K3osError("build", "Files in kube/ were changed while they were compiled.", { hint: "Build again." });
    },
  });
  return { directory };
}

async function makeInitrdImage(shop: Workshop, system: System): Promise<string> {
  const { inputs, parts } = await initrdParts(shop, system, {
    program: system.programs.init,
    modules: shop.base.initrd.modules,
    overlays: ["os/initrd"],
  });
  const directory = await shop.runner.run({
    name: "initrd",
    title: "Initial root",
    inputs: { ...inputs, maker: shop.makers.initrd },
    run: (work) => makeInitrd(work, parts),
  });
  return join(directory, "initrd");
}

/** What an initrd is made of, and what its digest is made of. */
async function initrdParts(
  { project }: Workshop,
  { lock, tools, packages, kernel }: System,
  own: Pick<InitrdParts, "program" | "modules" | "overlays">,
): Promise<{ readonly parts: InitrdParts; readonly inputs: Record<string, unknown> }> {
  const { program, modules, overlays } = own;
  const files = await Promise.all(overlays.map((overlay) => digestTree(join(project, overlay))));
  const shared = { packages, modules, time: lock.time };
  return {
    parts: { ...shared, project, kernel, program, overlays, tools },
    inputs: { ...shared, kernel: kernel.directory, program: digestBytes(program), files, tools: tools.root },
  };
}

async function makeRootImage(shop: Workshop, system: System, kube: Kube): Promise<string> {
  const { project, spec, base, makers, jobs } = shop;
  const { packages, kernel, loader, tools, programs } = system;
  const program = programs.k3os;
  const specDirectory = dirname(resolve(shop.specPath));
  const image = describeImage(shop, system, kube);
  const added = await Promise.all(namedFiles(spec).map((path) => digestTree(resolve(specDirectory, path))));
  const directory = await shop.runner.run({
    name: "squashfs",
    title: "Root",
    inputs: {
      maker: makers.root,
      packages,
      kernel: kernel.directory,
      loader,
      kube: kube.directory,
      program: [...program].map(([name, text]) => [name, digestBytes(text)]),
      files: await digestTree(join(project, "os/rootfs")),
      spec,
      added,
      image,
      level: rootLevel,
      tools: tools.root,
    },
    run: (work) =>
      makeRoot(work, {
        project,
        specDirectory,
        spec,
        base,
        packages,
        kernel,
        loader,
        kube: kube.directory,
        program,
        image,
        tools,
        level: rootLevel,
        jobs,
      }),
  });
  return join(directory, "root.squashfs");
}

/** Puts the parts side by side, and beside them what they are. */
async function assembleImage(
  shop: Workshop,
  system: System,
  { kube, initrd, root }: { kube: Kube; initrd: string; root: string },
): Promise<BuiltImage> {
  const parts = { vmlinuz: join(system.kernel.directory, "vmlinuz"), initrd, "root.squashfs": root };
  const image = describeImage(shop, system, kube);
  const dir = await shop.runner.run({
    name: "image",
    title: "Image",
    inputs: { parts, image },
    async run({ out, signal }) {
      const files: Record<string, { sha256: string; size: number }> = {};
      for (const [name, path] of Object.entries(parts)) {
        linkSync(path, join(out, name));
        files[name] = { sha256: await sha256File(path, signal), size: statSync(path).size };
      }
      writeFileSync(join(out, "image.json"), formatImageJson({ ...image, files }));
      writeFileSync(join(out, "lock.json"), formatLock(fullLock(system, kube)));
      return Object.entries(files)
        .map(([name, { size }]) => `${name} ${megabytes(size)}`)
        .join(", ");
    },
  });
  return {
    dir,
    imageJson: JSON.parse(readFileSync(join(dir, "image.json"), "utf8")),
    kernel: join(dir, "vmlinuz"),
    initrd: join(dir, "initrd"),
    root: join(dir, "root.squashfs"),
    k3s: join(kube.directory, "k3s"),
    loader: system.loader,
    tools: system.tools,
  };
}

function describeImage({ version, spec }: Workshop, system: System, kube: Kube): ImageJson {
  const lock = fullLock(system, kube);
  const held = [...(lock.packages.root ?? []), ...(lock.packages.kernel ?? [])];
  return {
    format: 1,
    version,
    architecture: "amd64",
    time: lock.time,
    kernel: { release: system.kernel.release, arguments: spec.kernel.arguments },
    kubernetes: {
      source: spec.kubernetes.source,
      version: readFileSync(join(kube.directory, "version"), "utf8").trim(),
    },
    lock: digestOf(lock),
    packages: held.map((entry) => `${entry.name} ${entry.version}`).sort(),
  };
}

function fullLock({ lock }: System, { release }: Kube): Lock {
  const { k3s: _, ...packages } = lock;
  return release ? { ...packages, k3s: release } : packages;
}

const digestBytes = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
