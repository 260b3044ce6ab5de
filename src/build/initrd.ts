import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { K3osError } from "../errors.ts";
import { type CpioEntry, cpio } from "../formats/cpio.ts";
import { readElf } from "../formats/elf.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { neededFirmware } from "../image/firmware.ts";
import { moduleFiles } from "../image/modules.ts";
import { readApplets } from "./busybox.ts";
import { megabytes } from "./extract.ts";
import { askedFirmware, type Firmware, filesBelow, layFirmware } from "./firmware.ts";
import { type SourceFiles, sourceFiles } from "./identity.ts";
import type { Kernel } from "./kernel.ts";
import { modulesBelow } from "./modules.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import { overlayTree, placeFile, placeText } from "./tree.ts";
import type { System, Workshop } from "./workshop.ts";

export interface InitrdParts {
  /** The finished tree of packages of the root: busybox, QuickJS and their libraries come from there. */
  readonly packages: string;
  readonly kernel: Kernel;
  readonly modules: readonly string[];
  readonly firmware: Firmware;
  readonly program: Uint8Array;
  /** Trees of the repository that are copied over it. */
  readonly overlays: readonly SourceFiles[];
  /** More files: their texts by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly time: number;
  readonly architecture: ArchitectureName;
  /** `os/busybox-applets` */
  readonly applets: SourceFiles;
  readonly tools: Tools;
}

/** The initrd of the image. Returns its path. */
export async function initialRoot(shop: Workshop, system: System): Promise<string> {
  const directory = await shop.runner.run({
    name: "initrd",
    title: "Initial root",
    maker: "initrd",
    parts: await initrdParts(shop, system, {
      program: system.programs.init,
      modules: diskModules(shop),
      overlays: ["os/initrd"],
    }),
    make: (work, parts) => makeInitrd(work, parts),
  });
  return join(directory, "initrd");
}

/** The modules that finding the root on a disk takes. */
export function diskModules({
  base,
  architecture,
  flavour,
}: Pick<Workshop, "base" | "architecture" | "flavour">): readonly string[] {
  return [...base.initrd.modules, ...ARCHITECTURES[architecture].modules, ...flavour.modules];
}

/** What an initrd is made of; `overlays` are paths in the project. */
export async function initrdParts(
  { project, architecture }: Workshop,
  { lock, tools, packages, kernel, firmware }: System,
  own: Pick<InitrdParts, "program" | "modules"> & { readonly overlays: readonly string[] },
): Promise<InitrdParts> {
  const overlays = await Promise.all(own.overlays.map((path) => sourceFiles(join(project, path))));
  const applets = await sourceFiles(join(project, "os/busybox-applets"));
  return { ...own, overlays, packages, kernel, firmware, time: lock.time, architecture, applets, tools };
}

/**
 * What mounts the root: busybox, QuickJS, the node's program, and the modules that finding the root takes, with their
 * firmware; in front of it, the microcode of processors. It becomes the file `name`.
 */
export async function makeInitrd(work: Work, parts: InitrdParts, name = "initrd"): Promise<string> {
  const tree = join(work.scratch, "initrd");
  for (const path of ["bin", "lib", "lib64", "proc", "sys", "dev", "run", "root", "tmp", "etc"]) {
    mkdirSync(join(tree, path), { recursive: true });
  }
  placePrograms(tree, parts, ["bin/busybox", "bin/qjs", "sbin/e2fsck"]);
  linkApplets(tree, parts);
  await placeModules(work, tree, parts);
  await placeFirmware(work, tree, parts);
  placeText(parts.program, join(tree, "init.js"));
  for (const { path } of parts.overlays) overlayTree(path, tree);
  for (const [path, text] of Object.entries(parts.files ?? {})) placeText(text, join(tree, path));

  const archive = join(work.scratch, "initrd.cpio");
  const console: CpioEntry = { path: "dev/console", type: "character", device: [5, 1], mode: 0o600 };
  writeFileSync(archive, cpio([...entriesOf(tree), console], parts.time));
  const file = join(work.out, name);
  const packed = join(work.scratch, "initrd.zst");
  const { argv, env } = parts.tools.command(["zstd", "-9", "--quiet", "--no-progress", archive, "-o", packed]);
  await work.command(argv, { env });
  const { microcode } = parts.firmware;
  const early = microcode === undefined ? [] : [readFileSync(microcode)];
  writeFileSync(file, Buffer.concat([...early, readFileSync(packed)]));
  return megabytes(statSync(file).size);
}

function placePrograms(tree: string, { packages, architecture }: InitrdParts, names: readonly string[]): void {
  const { loader } = ARCHITECTURES[architecture];
  placeFile(join(packages, "usr", loader), join(tree, loader));
  for (const name of names) placeFile(join(packages, "usr", name), join(tree, "bin", basename(name)));
  for (const library of librariesOf(packages, names, architecture)) {
    placeFile(library, join(tree, "lib", basename(library)));
  }
}

/** Paths of the libraries that programs of a tree need, and of those that these need, but for the loader. */
function librariesOf(packages: string, programs: readonly string[], architecture: ArchitectureName): Iterable<string> {
  const { triple, loader, elfMachine } = ARCHITECTURES[architecture];
  const found = new Map<string, string>();
  const look = (file: string) => {
    const { machine, needed } = readElf(new Uint8Array(readFileSync(join(packages, file))), file);
    if (machine !== elfMachine) throw new K3osError("build", `${file} is not for ${architecture}.`);
    for (const name of needed) {
      if (found.has(name) || name === basename(loader)) continue;
      const library = [`usr/lib/${triple}/${name}`, `usr/lib/${name}`].find((path) => existsSync(join(packages, path)));
      if (library === undefined)
        throw new K3osError("build", `${file} needs ${name}, which no package of the root has.`);
      found.set(name, join(packages, library));
      look(library);
    }
  };
  for (const program of programs) look(`usr/${program}`);
  return found.values();
}

function linkApplets(tree: string, { packages, applets }: InitrdParts): void {
  for (const applet of readApplets(applets.path, join(packages, "usr/bin/busybox"))) {
    const path = join(tree, "bin", basename(applet));
    if (!existsSync(path)) symlinkSync("busybox", path);
  }
}

async function placeModules(work: Work, tree: string, { kernel, modules, tools }: InitrdParts): Promise<void> {
  const source = join(kernel.directory, "usr/lib/modules", kernel.release);
  const target = join(tree, "lib/modules", kernel.release);
  for (const file of moduleFiles(readFileSync(join(source, "modules.dep"), "utf8"), modules)) {
    placeFile(join(source, file), join(target, file));
  }
  for (const index of ["modules.order", "modules.builtin", "modules.builtin.modinfo"]) {
    placeFile(join(source, index), join(target, index));
  }
  const { argv, env } = tools.command(["depmod", "--basedir", tree, kernel.release]);
  await work.command(argv, { env });
}

async function placeFirmware(work: Work, tree: string, { firmware, kernel, tools }: InitrdParts): Promise<void> {
  const { files } = firmware;
  if (files === undefined) return;
  const asked = await askedFirmware(work, tools, modulesBelow(join(tree, "lib/modules", kernel.release)));
  const all = filesBelow(files);
  const needed = neededFirmware(asked, all);
  const chosen = all.filter(({ path }) => needed.has(path));
  layFirmware(chosen, join(tree, "lib/firmware"), ({ path }, to) => placeFile(join(files, path), to));
}

/** A directory as entries of an archive, in an order that does not depend on the file system. */
export function entriesOf(root: string, prefix = ""): CpioEntry[] {
  const names = readdirSync(join(root, prefix), { withFileTypes: true });
  names.sort((a, b) => (a.name < b.name ? -1 : 1));
  return names.flatMap((entry): CpioEntry[] => {
    const path = `${prefix}${entry.name}`;
    const absolute = join(root, path);
    if (entry.isDirectory()) return [{ path, type: "directory" }, ...entriesOf(root, `${path}/`)];
    if (entry.isSymbolicLink()) return [{ path, type: "link", target: readlinkSync(absolute) }];
    return [{ path, data: new Uint8Array(readFileSync(absolute)), mode: statSync(absolute).mode & 0o777 }];
  });
}
