import { linkSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatImageJson, type ImageJson } from "../image/image-json.ts";
import { formatLock, type Lock } from "../image/lock.ts";
import { digestOf, sha256File } from "./digest.ts";
import { megabytes } from "./extract.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { Kubernetes, System, Workshop } from "./workshop.ts";

export interface BuiltImage {
  /** Holds `vmlinuz`, `initrd`, `root.squashfs`, `image.json` and `lock.json`. */
  readonly dir: string;
  readonly imageJson: ImageJson;
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
  /** The k3s binary as it is in the image. On a machine of its architecture it is the workstation's kubectl, too. */
  readonly k3s: string;
  /** The tree of packages whose files are taken as they are: GRUB's modules, a static busybox. */
  readonly target: string;
  /** Directory with the files that make a disk bootable. */
  readonly loader: string;
  readonly tools: Tools;
}

interface ImageParts {
  /** The files of the image by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly description: ImageJson;
  readonly lock: Lock;
}

/** Puts the parts of an image side by side, and beside them what they are. */
export async function assembleImage(
  shop: Workshop,
  system: System,
  { kube, initrd, root }: { readonly kube: Kubernetes; readonly initrd: string; readonly root: string },
): Promise<BuiltImage> {
  const dir = await shop.runner.run({
    name: "image",
    title: "Image",
    maker: "image",
    parts: {
      files: { vmlinuz: join(system.kernel.directory, "vmlinuz"), initrd, "root.squashfs": root },
      description: describeImage(shop, system, kube),
      lock: lockOf(system, kube),
    },
    make: placeFiles,
  });
  return {
    dir,
    imageJson: JSON.parse(readFileSync(join(dir, "image.json"), "utf8")),
    kernel: join(dir, "vmlinuz"),
    initrd: join(dir, "initrd"),
    root: join(dir, "root.squashfs"),
    k3s: join(kube.directory, "k3s"),
    target: system.target,
    loader: system.loader,
    tools: system.tools,
  };
}

async function placeFiles({ out, signal }: Work, { files, description, lock }: ImageParts): Promise<string> {
  const described: Record<string, { sha256: string; size: number }> = {};
  for (const [name, path] of Object.entries(files)) {
    linkSync(path, join(out, name));
    described[name] = { sha256: await sha256File(path, signal), size: statSync(path).size };
  }
  writeFileSync(join(out, "image.json"), formatImageJson({ ...description, files: described }));
  writeFileSync(join(out, "lock.json"), formatLock(lock));
  return Object.entries(described)
    .map(([name, { size }]) => `${name} ${megabytes(size)}`)
    .join(", ");
}

/** `image.json` as it is in the root of the image: without the sums of its files. */
export function describeImage(
  { version, spec, architecture, flavour }: Workshop,
  system: System,
  kube: Kubernetes,
): ImageJson {
  const lock = lockOf(system, kube);
  const held = [...(lock.packages.root ?? []), ...(lock.packages.kernel ?? []), ...(lock.packages.firmware ?? [])];
  return {
    format: 1,
    version,
    architecture,
    flavour: flavour.name,
    ...(flavour.boot && { boot: flavour.boot }),
    time: lock.time,
    kernel: {
      release: system.kernel.release,
      arguments: [...flavour.arguments, ...spec.kernel.arguments],
      ...(flavour.serial && { serial: flavour.serial }),
    },
    kubernetes: { source: spec.kubernetes.source, version: kube.version },
    lock: digestOf(lock),
    packages: held.map((entry) => `${entry.name} ${entry.version}`).sort(),
  };
}

/** The lock of the packages, with the release of k3s if the image holds one. */
function lockOf({ lock }: System, { release }: Kubernetes): Lock {
  const { k3s: _, ...packages } = lock;
  return release ? { ...packages, k3s: release } : packages;
}
