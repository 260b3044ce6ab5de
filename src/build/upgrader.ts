import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TarEntry, tar } from "../formats/tar.ts";
import { IN_CONTAINER, type Layer } from "../image/container.ts";
import { LAYER_TYPE } from "../image/oci.ts";
import { sha256File } from "./digest.ts";
import { megabytes } from "./extract.ts";
import { type SourceFiles, sourceFiles } from "./identity.ts";
import type { Work } from "./steps.ts";
import type { Tools } from "./tools.ts";
import type { System, Workshop } from "./workshop.ts";

/** The layer of the container image that has its command: a shell script, and a static busybox that runs it. */
export interface Upgrader {
  readonly layer: Layer;
  readonly path: string;
}

const LAYER = "layer.tar.gz";
/** The commands of busybox that the script uses. */
const APPLETS = ["nsenter", "sed", "sh"];

interface UpgraderParts {
  readonly tools: Tools;
  /** The tree with the busybox. */
  readonly target: string;
  /** `os/container` */
  readonly script: SourceFiles;
}

/** Makes the layer, and returns the directory that `readUpgrader` reads. */
export async function upgraderLayer(
  shop: Workshop,
  { tools, target }: Pick<System, "tools" | "target">,
): Promise<string> {
  const script = await sourceFiles(join(shop.project, "os/container"));
  const step = { name: "upgrader", title: "Command of the container image", maker: "upgrader" } as const;
  return shop.runner.run({ ...step, parts: { tools, target, script }, make: makeUpgrader });
}

export function readUpgrader(directory: string): Upgrader {
  const layer = JSON.parse(readFileSync(join(directory, "layer.json"), "utf8")) as Layer;
  return { layer, path: join(directory, LAYER) };
}

async function makeUpgrader(work: Work, { tools, target, script }: UpgraderParts): Promise<string> {
  const archive = upgraderArchive({
    busybox: readFileSync(join(target, "usr/bin/busybox")),
    script: readFileSync(join(script.path, "bin/k3os")),
  });
  const [plain, packed] = [join(work.scratch, "layer.tar"), join(work.out, LAYER)];
  writeFileSync(plain, archive);
  // zstd writes neither a name nor a time into the header of gzip.
  const { argv, env } = tools.command([
    "zstd",
    "--format=gzip",
    "-19",
    "--quiet",
    "--no-progress",
    plain,
    "-o",
    packed,
  ]);
  await work.command(argv, { env });
  const layer: Layer = {
    mediaType: `${LAYER_TYPE}+gzip`,
    digest: `sha256:${await sha256File(packed, work.signal)}`,
    size: statSync(packed).size,
    diffId: `sha256:${createHash("sha256").update(archive).digest("hex")}`,
  };
  writeFileSync(join(work.out, "layer.json"), JSON.stringify(layer));
  return megabytes(layer.size);
}

/** The layer without compression. Its files have no time, so that it is the same for all versions of the image. */
export function upgraderArchive({ busybox, script }: Readonly<Record<"busybox" | "script", Uint8Array>>): Uint8Array {
  const directories = ["bin", "tmp", dirname(IN_CONTAINER), IN_CONTAINER].map((path) => path.replace(/^\//, ""));
  const entries: TarEntry[] = [
    ...directories.map((path): TarEntry => ({ path, type: "directory", ...(path === "tmp" && { mode: 0o1777 }) })),
    { path: "bin/busybox", data: busybox, mode: 0o755 },
    { path: "bin/k3os", data: script, mode: 0o755 },
    ...APPLETS.map((name): TarEntry => ({ path: `bin/${name}`, type: "link", target: "busybox" })),
  ];
  return tar(entries);
}
