import { createHash } from "node:crypto";
import { existsSync, linkSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { imageArchive } from "../formats/oci.ts";
import { ARCHITECTURES, type ArchitectureName } from "../image/architecture.ts";
import { LOADER, loaderFiles } from "../image/disk.ts";
import { FIRMWARE_CATALOGUE, type FirmwareCatalogue } from "../image/firmware.ts";
import { formatImageJson, type ImageJson } from "../image/image-json.ts";
import { osRelease } from "../image/os-release.ts";
import type { BaseSpec, ImageSpec } from "../image/spec.ts";
import { megabytes } from "./extract.ts";
import type { Firmware } from "./firmware.ts";
import { type SourceFiles, sourceFiles } from "./identity.ts";
import { describeImage } from "./image.ts";
import type { Kernel } from "./kernel.ts";
import { namedFiles } from "./preflight.ts";
import { makeSquashfs } from "./squashfs.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import { linkTree, overlayTree, placeFile, placeText } from "./tree.ts";
import type { Kubernetes, System, Workshop } from "./workshop.ts";

interface RootParts {
  /** The finished tree of packages. */
  readonly packages: string;
  readonly kernel: Kernel;
  readonly firmware: Firmware;
  /** Which package has which firmware, for `k3os status`. */
  readonly catalogue: FirmwareCatalogue;
  /** Directory with the files of the boot loader. */
  readonly loader: string;
  /** Directory with `k3s` and, when it was built from source, the runc shim. */
  readonly kube: string;
  /** The files of /usr/lib/k3os, by name. */
  readonly program: ReadonlyMap<string, Uint8Array>;
  /** Trees that are copied over the packages' files as they are. */
  readonly overlays: readonly SourceFiles[];
  /** What the spec adds. */
  readonly added: Pick<ImageSpec, "images" | "manifests" | "modules" | "files">;
  /** The files that `added` names, by the path that it has for them. */
  readonly addedFiles: ReadonlyMap<string, SourceFiles>;
  readonly modes: BaseSpec["modes"];
  readonly image: ImageJson;
  /** Of zstd. */
  readonly level: number;
  readonly tools: Tools;
}

/** zstd level of the root: the highest that an edit can wait for. */
const level = 9;

/** What of a root changes while one works on it. */
type Changing = Pick<RootParts, "program" | "overlays">;

/** The root of the image. Returns its path. */
export async function squashedRoot(shop: Workshop, system: System, kube: Kubernetes): Promise<string> {
  const overlays = [await sourceFiles(join(shop.project, "os/rootfs"))];
  return squash(shop, system, kube, { program: system.programs.k3os, overlays });
}

/** A root without the node's program and os/rootfs, for a `devInitrd` that brings them along. Returns its path. */
export function emptyRoot(shop: Workshop, system: System, kube: Kubernetes): Promise<string> {
  return squash(shop, system, kube, { program: new Map(), overlays: [] });
}

async function squash(shop: Workshop, system: System, kube: Kubernetes, changing: Changing): Promise<string> {
  const { packages, kernel, firmware, loader, tools } = system;
  const { catalogue: names, flavours } = shop.flavours;
  const catalogue: FirmwareCatalogue = { packages: names, metal: flavours.metal.firmware?.packages ?? [] };
  const { images, manifests, modules, files } = shop.spec;
  const directory = await shop.runner.run({
    name: "squashfs",
    title: "Root",
    maker: "root",
    parts: {
      ...{ packages, kernel, firmware, catalogue, loader, kube: kube.directory, tools, level, ...changing },
      added: { images, manifests, modules, files },
      addedFiles: await readNamedFiles(shop),
      modes: shop.base.modes,
      image: describeImage(shop, system, kube),
    },
    make: makeRoot,
  });
  return join(directory, "root.squashfs");
}

async function readNamedFiles({ spec, specDirectory }: Workshop): Promise<ReadonlyMap<string, SourceFiles>> {
  const paths = namedFiles(spec);
  const files = await Promise.all(paths.map((path) => sourceFiles(resolve(specDirectory, path))));
  return new Map(paths.map((path, index) => [path, files[index] as SourceFiles]));
}

/** Lays all parts of the root over each other, later ones over earlier ones, and packs them. */
async function makeRoot(work: Work, parts: RootParts): Promise<string> {
  const root = join(work.scratch, "root");
  await linkTree(parts.packages, root);
  await linkTree(join(parts.kernel.directory, "usr/lib/modules"), join(root, "usr/lib/modules"));
  if (parts.firmware.files !== undefined) await linkTree(parts.firmware.files, join(root, "usr/lib/firmware"));
  placeText(JSON.stringify(parts.catalogue), join(root, FIRMWARE_CATALOGUE));
  placeKubernetes(root, parts.kube);
  for (const name of loaderFiles(parts.image.architecture))
    placeFile(join(parts.loader, name), join(root, LOADER, name));
  for (const [name, text] of parts.program) placeText(text, join(root, "usr/lib/k3os", name));
  placeIdentity(root, parts.image);
  placeText(pauseImage(parts.packages, parts.image.architecture), join(root, "usr/share/k3os/images/pause.tar"));
  for (const { path } of parts.overlays) overlayTree(path, root);
  const owned = placeUserFiles(root, parts);
  work.update("compressing");
  const modes = [...parts.modes.filter(({ path }) => isThere(join(root, path))), ...owned];
  const file = join(work.out, "root.squashfs");
  const { image, level, tools } = parts;
  await makeSquashfs(work, root, file, tools, { time: image.time, modes, level });
  return megabytes(lstatSync(file).size);
}

function placeKubernetes(root: string, kube: string): void {
  for (const name of ["k3s", "containerd-shim-runc-v2"]) {
    if (existsSync(join(kube, name))) linkSync(join(kube, name), join(root, "usr/bin", name));
  }
}

function placeIdentity(root: string, image: ImageJson): void {
  placeText(osRelease(image.version), join(root, "usr/lib/os-release"));
  placeText("", join(root, "etc/machine-id"));
  placeText(formatImageJson(image), join(root, "usr/share/k3os/image.json"));
}

/** The container that holds a pod's namespaces: nothing but a static program that waits. */
function pauseImage(packages: string, name: ArchitectureName): Uint8Array {
  const data = new Uint8Array(readFileSync(join(packages, "usr/bin/catatonit")));
  const architecture = ARCHITECTURES[name].go;
  return imageArchive(
    {
      reference: "k3os.io/pause:1",
      architecture,
      files: [{ path: "pause", data, mode: 0o755 }],
      entrypoint: ["/pause", "-P"],
      user: "65535:65535",
    },
    { sha256: (bytes) => createHash("sha256").update(bytes).digest("hex") },
  );
}

/** What the spec adds. Returns owners and modes, which only the packed root carries. */
function placeUserFiles(root: string, { added, addedFiles }: RootParts): BaseSpec["modes"] {
  const find = (path: string) => addedFiles.get(path)?.path ?? path;
  for (const image of added.images) placeFile(find(image), join(root, "usr/share/k3os/images", basename(image)));
  for (const manifest of added.manifests)
    placeFile(find(manifest), join(root, "usr/share/k3os/manifests", basename(manifest)));
  if (added.modules.length > 0) placeText(`${added.modules.join("\n")}\n`, join(root, "etc/modules-load.d/image.conf"));
  for (const { path, content, source } of added.files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    placeText(content ?? readFileSync(find(source ?? "")), join(root, path));
  }
  return added.files.map(({ path, mode, owner }) => ({ path, mode, owner }));
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
