import { createHash } from "node:crypto";
import { existsSync, linkSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { imageArchive } from "../formats/oci.ts";
import { LOADER, LOADER_FILES } from "../image/disk.ts";
import { formatImageJson, type ImageJson } from "../image/image-json.ts";
import { osRelease } from "../image/os-release.ts";
import type { BaseSpec, ImageSpec } from "../image/spec.ts";
import { megabytes } from "./extract.ts";
import type { Kernel } from "./kernel.ts";
import { makeSquashfs } from "./squashfs.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import { linkTree, overlayTree, placeFile, placeText } from "./tree.ts";

export interface RootParts {
  readonly project: string;
  /** Relative paths of the spec are meant from here. */
  readonly specDirectory: string;
  readonly spec: ImageSpec;
  readonly base: BaseSpec;
  /** The finished tree of packages. */
  readonly packages: string;
  readonly kernel: Kernel;
  /** Directory with the files of the boot loader. */
  readonly loader: string;
  /** Directory with `k3s` and, when it was built from source, the runc shim. */
  readonly kube: string;
  /** The files of /usr/lib/k3os, by name. */
  readonly program: ReadonlyMap<string, Uint8Array>;
  readonly image: ImageJson;
  readonly tools: Tools;
  readonly level: number;
  readonly jobs: number | undefined;
}

/** Lays all parts of the root over each other, later ones over earlier ones, and packs them. */
export async function makeRoot(work: Work, parts: RootParts): Promise<string> {
  const root = join(work.scratch, "root");
  await linkTree(parts.packages, root);
  await linkTree(join(parts.kernel.directory, "usr/lib/modules"), join(root, "usr/lib/modules"));
  placeKubernetes(root, parts.kube);
  for (const name of LOADER_FILES) placeFile(join(parts.loader, name), join(root, LOADER, name));
  for (const [name, text] of parts.program) placeText(text, join(root, "usr/lib/k3os", name));
  placeIdentity(root, parts.image);
  placeText(pauseImage(parts.packages), join(root, "usr/share/k3os/images/pause.tar"));
  overlayTree(join(parts.project, "os/rootfs"), root);
  const owned = placeUserFiles(root, parts);
  work.update("compressing");
  const modes = [...parts.base.modes.filter(({ path }) => isThere(join(root, path))), ...owned];
  const file = join(work.out, "root.squashfs");
  const { level, jobs } = parts;
  await makeSquashfs(work, root, file, parts.tools, { time: parts.image.time, modes, level, jobs });
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
function pauseImage(packages: string): Uint8Array {
  const data = new Uint8Array(readFileSync(join(packages, "usr/bin/catatonit")));
  return imageArchive(
    {
      reference: "k3os.io/pause:1",
      files: [{ path: "pause", data, mode: 0o755 }],
      entrypoint: ["/pause", "-P"],
      user: "65535:65535",
    },
    { sha256: (bytes) => createHash("sha256").update(bytes).digest("hex") },
  );
}

/** What the spec adds. Returns owners and modes, which only the packed root carries. */
function placeUserFiles(root: string, { spec, specDirectory }: RootParts): BaseSpec["modes"] {
  const find = (path: string) => resolve(specDirectory, path);
  for (const image of spec.images) placeFile(find(image), join(root, "usr/share/k3os/images", basename(image)));
  for (const manifest of spec.manifests)
    placeFile(find(manifest), join(root, "usr/share/k3os/manifests", basename(manifest)));
  if (spec.modules.length > 0) placeText(`${spec.modules.join("\n")}\n`, join(root, "etc/modules-load.d/image.conf"));
  for (const { path, content, source } of spec.files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    placeText(content ?? readFileSync(find(source ?? "")), join(root, path));
  }
  return spec.files.map(({ path, mode, owner }) => ({ path, mode, owner }));
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
