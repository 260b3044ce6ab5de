import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "../../formats/bytes.ts";
import { tarEnd, tarFrame } from "../../formats/tar.ts";
import { ARCHITECTURES, type ArchitectureName } from "../../image/architecture.ts";
import {
  CONFIG_TYPE,
  type Container,
  formatConfig,
  formatContainer,
  IN_CONTAINER,
  type Layer,
} from "../../image/container.ts";
import { type Descriptor, LAYER_TYPE, MANIFEST_TYPE } from "../../image/oci.ts";
import type { Upgrader } from "../upgrader.ts";

/** Content of a known sum, piece by piece: it may be too large for memory. */
export interface Blob extends Descriptor {
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A container image as what a registry stores. */
export interface ContainerBlobs {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

/** A file of an image, or the signature of one, by its path or its content. */
export interface ContainerFile {
  readonly name: string;
  readonly content: string | Uint8Array;
}

export interface ContainerParts {
  readonly version: string;
  readonly architecture: ArchitectureName;
  /** Seconds since 1970. */
  readonly time: number;
  readonly upgrader: Upgrader;
  readonly files: readonly ContainerFile[];
}

/** Makes a container image of an image. Equal parts give equal bytes. */
export async function containerBlobs(parts: ContainerParts, signal?: AbortSignal): Promise<ContainerBlobs> {
  const { version, architecture, time, upgrader, files } = parts;
  const own = { ...upgrader.layer, open: () => createReadStream(upgrader.path) };
  const layers = [own, ...(await Promise.all(files.map((file) => fileLayer(file, signal))))];
  return { ...containerOf({ version, architecture: ARCHITECTURES[architecture].go, time, layers }), layers };
}

/** Config and manifest of a container image whose layers are known. */
export function containerOf(container: Container): Pick<ContainerBlobs, "manifest" | "config"> {
  const config = textBlob(CONFIG_TYPE, formatConfig(container));
  return { config, manifest: textBlob(MANIFEST_TYPE, formatContainer(config, container.layers)) };
}

/**
 * An archive with this file alone. The time of the image is no part of it: a file that another version has, too, is the
 * same layer there.
 */
export async function fileLayer({ name, content }: ContainerFile, signal?: AbortSignal): Promise<Layer & Blob> {
  const size = typeof content === "string" ? statSync(content).size : content.length;
  const { before, after } = tarFrame(join(IN_CONTAINER, name).slice(1), size);
  async function* open() {
    yield before;
    if (typeof content === "string") yield* createReadStream(content);
    else yield content;
    yield after;
    yield tarEnd();
  }
  const hash = createHash("sha256");
  for await (const chunk of open()) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  const digest = `sha256:${hash.digest("hex")}`;
  const whole = before.length + size + after.length + tarEnd().length;
  return { name, mediaType: LAYER_TYPE, digest, diffId: digest, size: whole, open };
}

function textBlob(mediaType: string, value: string): Blob {
  const data = text(value);
  const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
  return { mediaType, digest, size: data.length, open: () => [data] };
}
