import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { K3osError } from "../errors.ts";
import { cpio } from "../formats/cpio.ts";
import { MICROCODE, microcodeEntries } from "../formats/microcode.ts";
import { type FirmwareFile, neededFirmware, packageOf } from "../image/firmware.ts";
import type { Flavour, FlavourTable } from "../image/flavours.ts";
import { matcher } from "../image/glob.ts";
import type { Lock } from "../image/lock.ts";
import { extractPackages, megabytes, treeSize } from "./extract.ts";
import type { Kernel } from "./kernel.ts";
import { modulesOf } from "./modules.ts";
import { type PackageFiles, packageStep } from "./package-step.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { Workshop } from "./workshop.ts";

/** What drivers and processors of a flavour load. */
export interface Firmware {
  /** Directory that becomes /usr/lib/firmware of the root; none if the flavour has no firmware. */
  readonly files?: string;
  /** Path of an archive that goes in front of an initrd; none if the flavour has no microcode. */
  readonly microcode?: string;
}

interface FirmwareParts extends Pick<Flavour["firmware"], "asks" | "drop" | "links"> {
  readonly packages: PackageFiles;
  readonly catalogue: FlavourTable["catalogue"];
  readonly kernel: Kernel;
  readonly time: number;
  readonly tools: Tools;
}

const FILES = "files";
const ARCHIVE = "microcode.cpio";

/** The firmware that the kernel's modules ask for, and the microcode. A flavour without either has no such step. */
export async function firmwareTree(shop: Workshop, lock: Lock, kernel: Kernel, tools: Tools): Promise<Firmware> {
  if ((lock.packages.firmware ?? []).length === 0) return {};
  const { asks, drop, links } = shop.flavour.firmware;
  const directory = await packageStep(shop, lock, "firmware", {
    title: "Firmware",
    maker: "firmware",
    parts: { asks, drop, links, catalogue: shop.flavours.catalogue, kernel, time: lock.time, tools },
    make: makeFirmware,
  });
  const has = (name: string) => lstatSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
  return {
    ...(has(FILES) && { files: join(directory, FILES) }),
    ...(has(ARCHIVE) && { microcode: join(directory, ARCHIVE) }),
  };
}

async function makeFirmware(work: Work, parts: FirmwareParts): Promise<string> {
  const unpacked = { ...work, out: join(work.scratch, "packages") };
  const trees = new Map<string, string>();
  for (const entry of parts.packages.locked) {
    await extractPackages(unpacked, [entry], parts.packages.debs, [], entry.name);
    trees.set(entry.name, join(unpacked.out, entry.name, "usr/lib/firmware"));
  }
  work.update("choosing files");
  const all = [...trees].flatMap(([name, tree]) => filesBelow(tree).map((file) => ({ ...file, package: name, tree })));
  const links = Object.entries(parts.links).map(([path, target]) => ({ path, target, package: "", tree: "" }));
  const dropped = matcher(parts.drop);
  const asked = await askedFirmware(work, parts.tools, modulesOf(parts.kernel));
  const files = [...all, ...links].filter(({ path }) => !dropped(path));
  const needed = neededFirmware([...asked, ...parts.asks], files);
  const chosen = files.filter(({ path }) => needed.has(path));
  checkCatalogue(chosen, parts.catalogue);
  const target = join(work.out, FILES);
  layFirmware(chosen, target, ({ path, tree }, to) => renameSync(join(tree, path), to));
  const microcode = packMicrocode(work, all, parts.time);
  const size = chosen.length === 0 ? 0 : treeSize(target);
  return `${chosen.length} of ${all.length} files, ${megabytes(size)}; microcode ${megabytes(microcode)}`;
}

/** What kernel modules declare to ask for. */
export async function askedFirmware(work: Work, tools: Tools, modules: readonly string[]): Promise<string[]> {
  if (modules.length === 0) return [];
  const { argv, env } = tools.command(["modinfo", "-F", "firmware", ...modules]);
  return (await work.command(argv, { env })).split("\n").filter((line) => line !== "");
}

/** The files and links below a directory, in an order that does not depend on the file system. */
export function filesBelow(directory: string): FirmwareFile[] {
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  return names.flatMap((path) => {
    const entry = lstatSync(join(directory, path));
    if (entry.isDirectory()) return [];
    return [{ path, target: entry.isSymbolicLink() ? readlinkSync(join(directory, path)) : undefined }];
  });
}

/** Makes the links below `directory`, and has `place` bring each file to the path that it gets. */
export function layFirmware<F extends FirmwareFile>(
  files: readonly F[],
  directory: string,
  place: (file: F, to: string) => void,
): void {
  for (const file of files) {
    const to = join(directory, file.path);
    mkdirSync(dirname(to), { recursive: true });
    if (file.target === undefined) place(file, to);
    else symlinkSync(file.target, to);
  }
}

/** `k3os status` names packages by the catalogue, so that must be right. */
function checkCatalogue(
  files: readonly (FirmwareFile & { readonly package: string })[],
  catalogue: FlavourTable["catalogue"],
): void {
  const wrong = files.flatMap(({ path, package: actual }) => {
    const told = packageOf(path, catalogue);
    const isRight = actual === "" || told === actual || !Object.hasOwn(catalogue, actual);
    return isRight ? [] : [`${path} in ${told ?? "no package"}, not in ${actual}`];
  });
  if (wrong.length === 0) return;
  throw new K3osError("build", `The catalogue of firmware is wrong about ${wrong.length} files.`, {
    hint: `Correct its patterns in os/flavours.yaml. It has:\n${wrong.join("\n")}`,
  });
}

/** Writes the archive with the microcode. Returns its size; 0 if there is none. */
function packMicrocode(work: Work, files: readonly (FirmwareFile & { readonly tree: string })[], time: number): number {
  const parts = MICROCODE.map(({ vendor, files: pattern }) => {
    const isMeant = matcher([pattern]);
    const meant = files.filter(({ path, target }) => target === undefined && isMeant(path));
    return { vendor, parts: meant.map(({ path, tree }) => new Uint8Array(readFileSync(join(tree, path)))) };
  });
  const entries = microcodeEntries(parts);
  if (entries.length === 0) return 0;
  const archive = cpio(entries, time);
  writeFileSync(join(work.out, ARCHIVE), archive);
  return archive.length;
}
