/** `./k3os build -f`: a medium for each node of a cluster file. */
import { join } from "node:path";
import type { BuildOptions, BuiltImage, SectorSize } from "../build/index.ts";
import { DISK_FORMATS, type Format, MEDIA } from "../build/media/index.ts";
import { type ClusterFile, mediumConfigs, withoutAddress } from "../cluster/index.ts";
import type { NodeConfig } from "../cluster/media.ts";
import { K3osError } from "../errors.ts";
import { nodeHost } from "../host/node.ts";
import { cidata } from "../vm/nocloud.ts";
import { imageOptions, requireClusterFile, tokenFor, tokenPath } from "./cluster-file.ts";
import { copyFileAs } from "./commands/copy-files.ts";
import type { Io } from "./io.ts";
import { withProgress } from "./progress/index.ts";
import { newToken } from "./starting/plan.ts";

export interface ClusterMedia {
  readonly image: BuiltImage;
  /** The file that each node begins with, and what all of them share. */
  readonly nodes: readonly { readonly node: string; readonly file: string }[];
  readonly shared: readonly string[];
  /** Where the token is kept, if this command made it. */
  readonly madeToken?: string;
}

export interface ClusterBuild {
  readonly path: string;
  readonly format: Format;
  /** Where the files go. */
  readonly directory: string;
  /** What the command line says counts instead of what the file says. */
  readonly options: BuildOptions;
  readonly sectorSize?: SectorSize | undefined;
  readonly json: boolean;
}

/** Throws `usage` for a format that has no place for a node's config. */
export function refuseFormat(format: Format): void {
  if (format === "iso" || MEDIA[format].isDisk) return;
  const why =
    format === "netboot"
      ? "a boot server hands its files to whoever asks, and a node's config has the cluster's token"
      : "it has no place for a node's config";
  const others = ["iso", ...DISK_FORMATS].join(", ");
  const seed = "--format iso makes a NoCloud volume for each node, which one that boots over the network reads, too.";
  throw new K3osError("usage", `--format ${format} does not go with --file: ${why}.`, {
    hint: `Formats: ${others}.${format === "netboot" ? ` ${seed}` : ""}`,
  });
}

/** Builds the image once, and a medium for each node. */
export async function buildForCluster(build: ClusterBuild, io: Io): Promise<ClusterMedia> {
  const { path, format } = build;
  const file = requireClusterFile(path, io, withoutAddress);
  let madeToken: string | undefined;
  const token = tokenFor(path, file, () => {
    madeToken = tokenPath(path);
    return newToken();
  });
  const configs = mediumConfigs(file, token);
  const media = await (format === "iso" ? discs : disks)(build, file, configs, io);
  return { ...media, ...(madeToken !== undefined && { madeToken }) };
}

/** One disk for each node, its config inside. */
async function disks(build: ClusterBuild, file: ClusterFile, configs: readonly NodeConfig[], io: Io) {
  const { format, directory, sectorSize } = build;
  const { image, dirs } = await inProgress(build, file, io, async (options) => {
    const { buildMedia } = await import("../build/index.ts");
    return buildMedia(
      format,
      options,
      configs.map(({ text }) => ({ config: text, sectorSize })),
    );
  });
  const nodes: { node: string; file: string }[] = [];
  for (const [index, { node }] of configs.entries()) {
    const dir = dirs[index];
    if (dir === undefined) throw new Error(`there is no medium for ${node}`);
    const name = `${file.name}-${node}.${format}`;
    await copyFileAs(join(dir, `k3os.${format}`), directory, name);
    nodes.push({ node, file: join(directory, name) });
  }
  return { image, nodes, shared: [] };
}

/** One disc for all, and for each node a NoCloud volume with its config. */
async function discs(build: ClusterBuild, file: ClusterFile, configs: readonly NodeConfig[], io: Io) {
  const { directory } = build;
  const medium = await inProgress(build, file, io, async (options) => {
    const { buildMedium } = await import("../build/index.ts");
    return buildMedium("iso", options);
  });
  const disc = "k3os.iso";
  await copyFileAs(join(medium.dir, disc), directory, disc);
  const nodes = configs.map(({ node, text }) => {
    const path = join(directory, `${file.name}-${node}-cidata.iso`);
    const instanceId = `k3os-${file.name}-${node}`;
    nodeHost.write(path, cidata({ hostname: node, instanceId, publicKeys: [], userData: text }), { mode: 0o600 });
    return { node, file: path };
  });
  return { image: medium.image, nodes, shared: [join(directory, disc)] };
}

function inProgress<T>(
  { path, options, json }: ClusterBuild,
  file: ClusterFile,
  io: Io,
  make: (options: BuildOptions) => Promise<T>,
): Promise<T> {
  return withProgress(io, json, (progress) =>
    make({ ...imageOptions(path, file), ...options, progress, signal: io.signal }),
  );
}
