import { text } from "./bytes.ts";
import { type TarEntry, tar } from "./tar.ts";

export interface ContainerImage {
  /** Full reference, such as `k3os.io/pause:1`. */
  readonly reference: string;
  /** Processor of its programs, such as `amd64`. */
  readonly architecture: string;
  /** Of the uppermost layer. */
  readonly files: readonly TarEntry[];
  /** The files of the layers below it, the lowest first. */
  readonly below?: readonly (readonly TarEntry[])[];
  readonly entrypoint: readonly string[];
  /** The arguments that a pod's own replace. */
  readonly command?: readonly string[];
  readonly user?: string;
  readonly environment?: readonly string[];
}

/** `sha256` gives a hexadecimal sum. */
export interface Hashing {
  sha256(data: Uint8Array): string;
}

/** A piece of an image as registries and archives hold it, named by what it contains. */
export interface Blob {
  readonly mediaType: string;
  /** `sha256:…` */
  readonly digest: string;
  readonly data: Uint8Array;
}

/** The blobs of a container image (OCI image format specification). Equal input gives equal bytes. */
export function imageBlobs(image: ContainerImage, { sha256 }: Hashing) {
  return blobsOf(image, blobMaker({ sha256 }));
}

/**
 * Container images as an archive that docker, podman and containerd load: an OCI layout with the older `manifest.json`
 * beside it. What images have in common is in it once.
 */
export function imageArchive(images: ContainerImage | readonly ContainerImage[], hashing: Hashing): Uint8Array {
  const make = blobMaker(hashing);
  const made = [images].flat().map((image) => ({ image, ...blobsOf(image, make) }));
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: made.map(({ image, manifest }) => ({
      ...descriptor(manifest),
      annotations: {
        "io.containerd.image.name": image.reference,
        "org.opencontainers.image.ref.name": image.reference.split(":").at(-1),
      },
    })),
  };
  const dockerManifest = made.map(({ image, layers, config }) => ({
    Config: pathOf(config),
    RepoTags: [image.reference],
    Layers: layers.map(pathOf),
  }));
  const blobs = made.flatMap(({ layers, config, manifest }) => [...layers, config, manifest]);
  const byPath = new Map(blobs.map((blob) => [pathOf(blob), blob.data]));
  return tar([
    { path: "oci-layout", data: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", data: json(index) },
    { path: "manifest.json", data: json(dockerManifest) },
    { path: "blobs", type: "directory" },
    { path: "blobs/sha256", type: "directory" },
    ...[...byPath].map(([path, data]) => ({ path, data })),
  ]);
}

function blobsOf(image: ContainerImage, { blob, layer }: BlobMaker) {
  const layers = [...(image.below ?? []), image.files].filter((files) => files.length > 0).map(layer);
  const config = blob(
    "application/vnd.oci.image.config.v1+json",
    json({
      created: "1970-01-01T00:00:00Z",
      architecture: image.architecture,
      os: "linux",
      config: {
        ...(image.user !== undefined && { User: image.user }),
        Env: image.environment ?? ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Entrypoint: image.entrypoint,
        ...(image.command !== undefined && { Cmd: image.command }),
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const manifest = blob(
    "application/vnd.oci.image.manifest.v1+json",
    json({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: descriptor(config),
      layers: layers.map(descriptor),
    }),
  );
  return { layers, config, manifest };
}

interface BlobMaker {
  blob(mediaType: string, data: Uint8Array): Blob;
  layer(files: readonly TarEntry[]): Blob;
}

/** Packs a list of files that several images have once. */
function blobMaker({ sha256 }: Hashing): BlobMaker {
  const blob = (mediaType: string, data: Uint8Array): Blob => ({ mediaType, digest: `sha256:${sha256(data)}`, data });
  const packed = new Map<readonly TarEntry[], Blob>();
  return {
    blob,
    layer(files) {
      const known = packed.get(files) ?? blob("application/vnd.oci.image.layer.v1.tar", tar(files));
      packed.set(files, known);
      return known;
    },
  };
}

const json = (value: unknown) => text(JSON.stringify(value));

const descriptor = ({ mediaType, digest, data }: Blob) => ({ mediaType, digest, size: data.length });

const pathOf = ({ digest }: Blob) => `blobs/${digest.replace(":", "/")}`;
