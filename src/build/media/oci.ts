import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "../../formats/bytes.ts";
import { tarEnd, tarFrame } from "../../formats/tar.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import { imageName } from "../../image/index-json.ts";
import { EMPTY, EMPTY_TEXT, formatManifest, IMAGE_TYPE, INDEX_TYPE, MANIFEST_TYPE } from "../../image/oci.ts";
import { sha256File } from "../digest.ts";
import { megabytes } from "../extract.ts";
import type { BuiltImage } from "../image.ts";
import type { Work } from "../steps.ts";
import type { MadeImage, Workshop } from "../workshop.ts";

const ARCHIVE = "k3os.oci.tar";

/**
 * The image as an archive of an OCI layout (OCI image specification), as skopeo and oras copy it to a registry. Nodes
 * fetch it from there. Returns its directory.
 */
export async function ociArchive(shop: Workshop, { image }: MadeImage): Promise<string> {
  const step = { name: "oci", title: "OCI artefact", maker: "oci" } as const;
  return shop.runner.run({ ...step, parts: { image }, make: makeArchive });
}

async function makeArchive(work: Work, { image }: { readonly image: BuiltImage }): Promise<string> {
  const target = join(work.out, ARCHIVE);
  await writeArchive(image.dir, image.imageJson, target, work.signal);
  return megabytes(statSync(target).size);
}

/** Writes the archive of the image in a directory. Equal images give equal bytes. */
export async function writeArchive(
  directory: string,
  { version, time }: { readonly version: string; readonly time: number },
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const files = await Promise.all(
    IMAGE_FILES.map(async (name) => {
      const path = join(directory, name);
      return { name, path, size: statSync(path).size, digest: `sha256:${await sha256File(path, signal)}` };
    }),
  );
  const manifest = formatManifest(IMAGE_TYPE, files);
  const digest = files.find(({ name }) => name === "image.json")?.digest ?? "";
  const descriptor = {
    ...{ mediaType: MANIFEST_TYPE, artifactType: IMAGE_TYPE },
    ...{ digest: `sha256:${createHash("sha256").update(manifest).digest("hex")}`, size: text(manifest).length },
    annotations: { "org.opencontainers.image.ref.name": imageName({ version, digest }).replaceAll("+", "_") },
  };
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [descriptor] };
  const texts: readonly [path: string, content: string][] = [
    ["oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })],
    ["index.json", JSON.stringify(index)],
    [blobPath(EMPTY.digest), EMPTY_TEXT],
    [blobPath(descriptor.digest), manifest],
  ];
  async function* archive() {
    for (const [path, content] of texts) yield* framed(path, text(content).length, [text(content)]);
    for (const { digest, size, path } of files) yield* framed(blobPath(digest), size, createReadStream(path));
    yield tarEnd();
  }
  async function* framed(path: string, size: number, content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
    const { before, after } = tarFrame(path, size, time);
    yield before;
    yield* content;
    yield after;
  }
  await pipeline(Readable.from(archive(), { objectMode: false }), createWriteStream(target), { signal });
}

const blobPath = (digest: string) => `blobs/${digest.replace(":", "/")}`;
