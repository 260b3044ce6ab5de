import { text } from "./bytes.ts";
import { type TarEntry, tar } from "./tar.ts";

export interface ContainerImage {
  /** Full reference, such as `k3os.io/pause:1`. */
  readonly reference: string;
  /** Processor of its programs, such as `amd64`. */
  readonly architecture: string;
  readonly files: readonly TarEntry[];
  readonly entrypoint: readonly string[];
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

/** The blobs of a container image of one layer (OCI image format specification). Equal input gives equal bytes. */
export function imageBlobs(image: ContainerImage, { sha256 }: Hashing) {
  const blob = (mediaType: string, data: Uint8Array): Blob => ({ mediaType, digest: `sha256:${sha256(data)}`, data });
  const layer = blob("application/vnd.oci.image.layer.v1.tar", tar(image.files));
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
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    }),
  );
  const manifest = blob(
    "application/vnd.oci.image.manifest.v1+json",
    json({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: descriptor(config),
      layers: [descriptor(layer)],
    }),
  );
  return { layer, config, manifest };
}

/**
 * A container image as an archive that docker, podman and containerd load: an OCI layout with the older `manifest.json`
 * beside it.
 */
export function imageArchive(image: ContainerImage, hashing: Hashing): Uint8Array {
  const { layer, config, manifest } = imageBlobs(image, hashing);
  const named = {
    ...descriptor(manifest),
    annotations: {
      "io.containerd.image.name": image.reference,
      "org.opencontainers.image.ref.name": image.reference.split(":").at(-1),
    },
  };
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [named],
  };
  const dockerManifest = [{ Config: pathOf(config), RepoTags: [image.reference], Layers: [pathOf(layer)] }];
  return tar([
    { path: "oci-layout", data: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", data: json(index) },
    { path: "manifest.json", data: json(dockerManifest) },
    { path: "blobs", type: "directory" },
    { path: "blobs/sha256", type: "directory" },
    ...[layer, config, manifest].map((one) => ({ path: pathOf(one), data: one.data })),
  ]);
}

const json = (value: unknown) => text(JSON.stringify(value));

const descriptor = ({ mediaType, digest, data }: Blob) => ({ mediaType, digest, size: data.length });

const pathOf = ({ digest }: Blob) => `blobs/${digest.replace(":", "/")}`;
