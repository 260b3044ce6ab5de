import { readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import type { BuildOptions, BuiltImage, DiskOptions, SectorSize } from "../../build/index.ts";
import { DISK_FORMATS, FORMATS, type Format, MEDIA } from "../../build/media/index.ts";
import { K3osError } from "../../errors.ts";
import type { ArchitectureName } from "../../image/architecture.ts";
import type { Progress } from "../../progress.ts";
import { buildForCluster, refuseFormat } from "../cluster-media.ts";
import { requireConfigFile } from "../config-file.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { archOption, examples, jsonOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";
import { type Sign, signerBy } from "../publishing/sign.ts";
import { upgraderFor } from "../publishing/upgrader.ts";
import { copyFiles, requireDirectory } from "./copy-files.ts";

interface BuildCommandOptions {
  readonly format: Format;
  readonly output?: string;
  readonly config?: string;
  readonly file?: string;
  readonly sectorSize?: "512" | "4096";
  readonly key?: string;
  readonly arch?: ArchitectureName;
  readonly flavour?: string;
  readonly spec?: string;
  readonly lock?: string;
  readonly refresh?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

export function buildCommand(io: Io): Command {
  const build = new Command("build")
    .summary("build the image, or a medium of it")
    .description("Builds an image or a medium; what is built already from the same inputs is taken as it is.")
    .addOption(new Option("--format <format>", "what to build").choices(FORMATS).default("image"))
    .option("-o, --output <dir>", "copy the files there, instead of printing where they are kept")
    .option("--config <file>", "a config.yaml to put onto a disk; checked first")
    .option("-f, --file <cluster.yaml>", "a medium for each node of a cluster file, with its config; needs --output")
    .addOption(new Option("--sector-size <bytes>", "for disks with sectors of 4096 bytes").choices(["512", "4096"]))
    .option("--key <file>", "for oci: the private ssh key that signs, as for ./k3os publish; needs --output")
    .addOption(archOption())
    .option(
      "--flavour <name>",
      "for which machines: cloud, metal, rpi or one of the spec, instead of what the medium usually is",
    )
    .option("--spec <file>", "the image.yaml that says what goes in, instead of os/image.yaml")
    .option("--lock <file>", "build from exactly the packages of that lock (an earlier build's lock.json)")
    .option("--refresh", "ask for newer packages, even if that was done today")
    .option("--offline", "never use the network")
    .addOption(jsonOption())
    .action((options: BuildCommandOptions) => runBuild(options, io));
  return examples(
    build,
    ["./k3os build --format iso -o .", "k3os.iso in this directory"],
    ["./k3os build --format raw -o .", "k3os.raw, to be written onto a disk"],
    ["./k3os build --format qcow2 --config node.yaml -o .", "a disk that knows what it will be"],
    ["./k3os build -f cluster.yaml --format raw -o out", "a disk for each node of a cluster (docs/cluster.md)"],
    ["./k3os build --format qcow2 --flavour metal -o .", "with drivers and firmware of real machines"],
    ["./k3os build --format oci --key release -o .", "k3os.oci.tar, a container image that upgrades nodes"],
    ["./k3os build --arch arm64 --format raw -o .", "for 64-bit ARM with UEFI, built on any machine"],
    ["./k3os build --flavour rpi --format raw -o .", "k3os.raw, the card of a Raspberry Pi"],
    ["./k3os build --refresh", "with today's security fixes"],
    ["./k3os build --lock lock.json -o out", "an earlier image again, byte for byte"],
  );
}

async function runBuild(options: BuildCommandOptions, io: Io): Promise<void> {
  if (options.file !== undefined) return runClusterBuild(options.file, options, io);
  const config = readConfig(options, io);
  const sign = await signerFor(options);
  if (options.output !== undefined) await requireDirectory(resolve(options.output));
  const built = await withProgress(io, options.json === true, (progress) => make(options, config, progress, io));
  const dir = options.output === undefined ? built.dir : resolve(options.output);
  if (sign !== undefined) await writeSigned(built.image, dir, sign, options.json === true, io);
  else if (dir !== built.dir) await copyFiles(built.dir, dir);
  if (options.json) printJson(io, { format: options.format, dir, image: built.image.imageJson });
  else printLine(io, dir);
}

async function runClusterBuild(path: string, options: BuildCommandOptions, io: Io): Promise<void> {
  const { format, output, config, key, sectorSize, json = false } = options;
  const other = config !== undefined ? "--config" : key !== undefined ? "--key" : undefined;
  if (other !== undefined)
    throw new K3osError("usage", `${other} does not go with --file.`, { hint: "Leave one of the two away." });
  refuseFormat(format);
  if (format === "iso" && sectorSize !== undefined) refuseNoDisk("--sector-size", format);
  if (output === undefined) {
    throw new K3osError("usage", "--file needs --output: each node has a file of its own.", { hint: "Add -o out." });
  }
  const directory = resolve(output);
  await requireDirectory(directory);
  const size = sectorSize === undefined ? undefined : (Number(sectorSize) as SectorSize);
  const build = { path, format, directory, options: sourceOf(options), sectorSize: size, json };
  const { image, nodes, shared, madeToken } = await buildForCluster(build, io);
  if (json) return printJson(io, { format, dir: directory, image: image.imageJson, nodes, shared });
  for (const file of [...shared, ...nodes.map((node) => node.file)]) printLine(io, file);
  const made = madeToken === undefined ? "" : ` The cluster's token was made, and is kept in ${madeToken}.`;
  printLine(io, `\nWhoever has one of the files of a node has the cluster's token: only you can read them.${made}`);
}

/** Who signs the container image; `undefined` if nobody is to. */
async function signerFor({ key, format, output }: BuildCommandOptions): Promise<Sign | undefined> {
  if (key === undefined) return undefined;
  if (format !== "oci" || output === undefined) {
    throw new K3osError("usage", "--key is for --format oci with --output.", {
      hint: "`./k3os publish` signs an image in any other form.",
    });
  }
  return signerBy(key, ["image"], Date.now() / 1000);
}

/** Writes the container image with its signature. It is made anew each time: what is cached has none. */
async function writeSigned(image: BuiltImage, target: string, sign: Sign, json: boolean, io: Io): Promise<void> {
  const { OCI_ARCHIVE, writeArchive } = await import("../../build/index.ts");
  const upgrader = await upgraderFor(image.dir, json, io);
  const signature = await sign("image", readFileSync(join(image.dir, "image.json")), "image.json");
  const content = { directory: image.dir, json: image.imageJson, upgrader, signature };
  const path = join(target, OCI_ARCHIVE);
  try {
    await writeArchive(`${path}.new`, content, io.signal);
    renameSync(`${path}.new`, path);
  } finally {
    rmSync(`${path}.new`, { force: true });
  }
}

/** Checks a config before anything is built. Only formats for a disk have a place for one. */
function readConfig({ config, sectorSize, format }: BuildCommandOptions, io: Io): string | undefined {
  const given = config !== undefined ? "--config" : sectorSize !== undefined ? "--sector-size" : undefined;
  if (given !== undefined && !MEDIA[format].isDisk) refuseNoDisk(given, format);
  return config === undefined ? undefined : requireConfigFile(config, io);
}

function refuseNoDisk(option: string, format: Format): never {
  throw new K3osError("usage", `${option} is for disks, not for --format ${format}.`, {
    hint: `Formats of disks: ${DISK_FORMATS.join(", ")}.`,
  });
}

/** What the image is made of, as far as the command line says it. */
function sourceOf(options: BuildCommandOptions): BuildOptions {
  const { arch, flavour, spec, lock, refresh = false, offline = false } = options;
  return {
    ...{ refresh, offline },
    ...(arch !== undefined && { architecture: arch }),
    ...(flavour !== undefined && { flavour }),
    ...(spec !== undefined && { spec }),
    ...(lock !== undefined && { lock }),
  };
}

async function make(options: BuildCommandOptions, config: string | undefined, progress: Progress, io: Io) {
  const { buildMedium } = await import("../../build/index.ts");
  const { format, sectorSize } = options;
  const buildOptions: BuildOptions & DiskOptions = {
    ...sourceOf(options),
    ...{ progress, signal: io.signal, config },
    ...(sectorSize !== undefined && { sectorSize: Number(sectorSize) as SectorSize }),
  };
  // With a key, the archive is written from the image and its signature.
  return buildMedium(options.key === undefined ? format : "dir", buildOptions);
}
