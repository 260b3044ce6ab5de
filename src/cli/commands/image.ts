import { accessSync, closeSync, constants, createReadStream, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Command } from "commander";
import { whyNot } from "../../build/read-file.ts";
import { K3osError } from "../../errors.ts";
import { type Io, printLine } from "../io.ts";
import { requireRunning } from "../machines.ts";
import { examples, nameOption } from "../options.ts";
import { asStep, withProgress } from "../progress/index.ts";

export function imageCommand(io: Io): Command {
  const load = new Command("load")
    .summary("load container images from an archive into the node")
    .description("Loads the images of a docker or OCI archive (also gzipped) into the node, so that pods can run them.")
    .argument("<file>", "the archive, as `docker save` or `skopeo copy … oci-archive:` writes it")
    .addOption(nameOption())
    .action((file: string, options: { name: string }) => loadImage(file, options.name, io));
  examples(load, ["./k3os image load app.tar", "then use the image with imagePullPolicy: Never"]);
  const image = new Command("image")
    .summary("bring container images to a node")
    .description("Brings container images to a node without a registry.")
    .addCommand(load);
  return examples(image, ["./k3os image load app.tar", "a docker or OCI archive"]);
}

async function loadImage(file: string, name: string, io: Io): Promise<void> {
  const machine = requireRunning(name);
  const { size, stream } = openArchive(file);
  const loaded = await withProgress(io, false, (progress) =>
    asStep(progress, `Load ${basename(file)}`, async (update) => {
      let sent = 0;
      stream.on("data", (part: Buffer) => {
        sent += part.length;
        update(`${mebibytes(sent)} of ${mebibytes(size)}`);
      });
      const input = stream.gzip ? unpacked(stream) : stream;
      const result = await machine.ssh("sudo k3s ctr -n k8s.io images import -", { input, signal: io.signal });
      if (result.status === 0) return loadedImages(result.stdout);
      throw new K3osError("machine", `The node refused ${file}: ${lastWords(result.stderr)}`, {
        hint: "It must be an archive of container images, as `docker save` writes it.",
      });
    }),
  );
  for (const image of loaded) printLine(io, image);
}

/** On a read error the stream ends early, and the node refuses the incomplete archive. */
function unpacked(stream: Readable): Readable {
  const gunzip = createGunzip();
  pipeline(stream, gunzip, () => {});
  return gunzip;
}

function lastWords(stderr: string): string {
  return (
    stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^(k3s|ctr): /, "") || "it gave no reason"
  );
}

/**
 * The names in what `ctr images import` prints: `NAME saved`, with a space for each `-` of the name, or in older
 * versions `unpacking NAME (sha256:…)...done`.
 */
export function loadedImages(printed: string): string[] {
  return printed
    .split("\n")
    .flatMap((line) => /^(?:unpacking (\S+) \(|(\S.*?)\s+saved\s*$)/.exec(line)?.slice(1).filter(Boolean) ?? [])
    .map((name) => name.replaceAll(" ", "-"));
}

function openArchive(path: string): { size: number; stream: Readable & { gzip: boolean } } {
  const why = archiveFault(path);
  if (why !== undefined) throw new K3osError("host", `${path} cannot be loaded: ${why}.`);
  return { size: statSync(path).size, stream: Object.assign(createReadStream(path), { gzip: isGzip(path) }) };
}

/** Why the file at `path` is no image archive; `undefined` if it looks like one. */
export function archiveFault(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile() ? undefined : "it is no file";
  } catch (error) {
    return whyNot(error);
  }
}

function isGzip(path: string): boolean {
  const [file, start] = [openSync(path, "r"), Buffer.alloc(2)];
  try {
    readSync(file, start, 0, 2, 0);
  } finally {
    closeSync(file);
  }
  return start[0] === 0x1f && start[1] === 0x8b;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
