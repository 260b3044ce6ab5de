import { text } from "./bytes.ts";
import { type TarEntry, tar } from "./tar.ts";

export interface ContainerImage {
  /** Full reference, such as `k3os.io/pause:1`. */
  readonly reference: string;
  readonly files: readonly TarEntry[];
  readonly entrypoint: readonly string[];
  readonly user?: string;
  readonly environment?: readonly string[];
}

/** `sha256` gives a hexadecimal sum. */
export interface Hashing {
  sha256(data: Uint8Array): string;
}

/**
 * A container image of one layer as an archive that docker, podman and containerd load: an OCI layout with the older
 * `manifest.json` beside it. Equal input gives equal bytes.
 */
export function imageArchive(image: ContainerImage, { sha256 }: Hashing): Uint8Array {
  const layer = tar(image.files);
  const json = (value: unknown) => text(JSON.stringify(value));
  const blob = (mediaType: string, data: Uint8Array) => ({
    descriptor: { mediaType, digest: `sha256:${sha256(data)}`, size: data.length },
    file: { path: `blobs/sha256/${sha256(data)}`, data },
  });
  const layerBlob = blob("application/vnd.oci.image.layer.v1.tar", layer);
  const config = blob(
    "application/vnd.oci.image.config.v1+json",
    json({
      created: "1970-01-01T00:00:00Z",
      architecture: "amd64",
      os: "linux",
      config: {
        ...(image.user !== undefined && { User: image.user }),
        Env: image.environment ?? ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Entrypoint: image.entrypoint,
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: [layerBlob.descriptor.digest] },
    }),
  );
  const manifest = blob(
    "application/vnd.oci.image.manifest.v1+json",
    json({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: config.descriptor,
      layers: [layerBlob.descriptor],
    }),
  );
  const named = {
    ...manifest.descriptor,
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
  const dockerManifest = [{ Config: config.file.path, RepoTags: [image.reference], Layers: [layerBlob.file.path] }];
  return tar([
    { path: "oci-layout", data: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", data: json(index) },
    { path: "manifest.json", data: json(dockerManifest) },
    { path: "blobs", type: "directory" },
    { path: "blobs/sha256", type: "directory" },
    layerBlob.file,
    config.file,
    manifest.file,
  ]);
}
