import { createWriteStream, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "../../formats/bytes.ts";
import { tarEnd, tarFrame } from "../../formats/tar.ts";
import { ARCHITECTURES } from "../../image/architecture.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { imageTag } from "../../image/index-json.ts";
import { INDEX_TYPE } from "../../image/oci.ts";
import { signatureOf } from "../../image/signing.ts";
import { sha256File } from "../digest.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../image.ts";
import type { Work } from "../steps.ts";
import { readUpgrader, type Upgrader, upgraderLayer } from "../upgrader.ts";
import type { MadeImage, Workshop } from "../workshop.ts";
import { type Blob, containerBlobs } from "./container.ts";

export const OCI_ARCHIVE = "k3os.oci.tar";
/** What the image is called where nobody names it, such as on a node that it was loaded into. */
const REPOSITORY = "k3os.io/k3os";

/**
 * The image as an archive of a container image (OCI image layout), as skopeo copies it to a registry and
 * `./k3os image load` takes it. Returns its directory.
 */
export async function ociArchive(shop: Workshop, { image, system }: MadeImage): Promise<string> {
  const upgrader = await upgraderLayer(shop, system);
  const step = { name: "oci", title: "Container image", maker: "oci" } as const;
  return shop.runner.run({ ...step, parts: { image, upgrader }, make: makeArchive });
}

interface ArchiveParts {
  readonly image: BuiltImage;
  readonly upgrader: string;
}

async function makeArchive(work: Work, { image, upgrader }: ArchiveParts): Promise<string> {
  const target = join(work.out, OCI_ARCHIVE);
  await writeArchive(
    target,
    { directory: image.dir, json: image.imageJson, upgrader: readUpgrader(upgrader) },
    work.signal,
  );
  return megabytes(statSync(target).size);
}

/** What an archive is made of. */
export interface ArchiveContent {
  /** Holds the files of the image. */
  readonly directory: string;
  readonly json: Pick<ImageJson, "version" | "architecture" | "time">;
  readonly upgrader: Upgrader;
  /** The signature of `image.json`, if there is one. */
  readonly signature?: Uint8Array | undefined;
}

/** Writes the archive `target`. Equal content gives equal bytes. */
export async function writeArchive(target: string, content: ArchiveContent, signal?: AbortSignal): Promise<void> {
  const { directory, json, upgrader, signature } = content;
  const { version, architecture, time } = json;
  const files = IMAGE_FILES.map((name) => ({ name, content: join(directory, name) }));
  const { manifest, config, layers } = await containerBlobs(
    {
      ...{ version, architecture, time, upgrader },
      files: [...files, ...(signature === undefined ? [] : [{ name: signatureOf("image.json"), content: signature }])],
    },
    signal,
  );
  const tag = imageTag({ version, digest: await sha256File(join(directory, "image.json"), signal) });
  const index = {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: [
      {
        ...{ mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
        platform: { architecture: ARCHITECTURES[architecture].go, os: "linux" },
        annotations: { "org.opencontainers.image.ref.name": tag, "io.containerd.image.name": `${REPOSITORY}:${tag}` },
      },
    ],
  };
  async function* archive() {
    yield* framed("oci-layout", blobOf(JSON.stringify({ imageLayoutVersion: "1.0.0" })));
    yield* framed("index.json", blobOf(JSON.stringify(index)));
    for (const blob of [manifest, config, ...layers]) yield* framed(`blobs/${blob.digest.replace(":", "/")}`, blob);
    yield tarEnd();
  }
  async function* framed(path: string, { size, open }: Pick<Blob, "size" | "open">) {
    const { before, after } = tarFrame(path, size, time);
    yield before;
    yield* open();
    yield after;
  }
  await pipeline(Readable.from(archive(), { objectMode: false }), createWriteStream(target), { signal });
}

function blobOf(value: string): Pick<Blob, "size" | "open"> {
  const data = text(value);
  return { size: data.length, open: () => [data] };
}
