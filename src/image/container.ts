/**
 * An image as a container image (OCI image specification 1.1). Each of its files is a layer of its own, so that
 * registries and containerd keep a file that two versions share only once. One more layer has the command that makes a
 * node upgrade itself to these files. Pure.
 */
import { K3osError } from "../errors.ts";
import { type Descriptor, LAYER_FILE, LAYER_FILES, MANIFEST_TYPE } from "./oci.ts";

/** Where a container has the files of the image, as in the images of old k3OS. */
export const IN_CONTAINER = "/k3os/system";
export const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";

export interface Layer extends Descriptor {
  /** The file of the image that it holds; none if it holds the command. */
  readonly name?: string;
  /** The digest of its archive without compression. */
  readonly diffId: string;
}

export interface Container {
  readonly version: string;
  /** As Go calls it. */
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** From the lowest to the highest. */
  readonly layers: readonly Layer[];
}

/** What a container starts with. Equal input gives equal bytes. */
export function formatConfig({ version, architecture, time, layers }: Container): string {
  return JSON.stringify({
    created: `${new Date(time * 1000).toISOString().slice(0, 19)}Z`,
    architecture,
    os: "linux",
    config: {
      // Also that of the node, whose programs the command starts.
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Entrypoint: ["k3os"],
      Cmd: ["--help"],
      WorkingDir: "/",
      Labels: {
        "org.opencontainers.image.title": "k3OS",
        "org.opencontainers.image.version": version,
        [LAYER_FILES]: layers.map(({ name = "" }) => name).join(","),
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
}

/** The manifest of the layers and of their config. */
export function formatContainer(config: Omit<Descriptor, "mediaType">, layers: readonly Layer[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: config.digest, size: config.size },
    layers: layers.map(({ name, mediaType, digest, size }) => ({
      ...{ mediaType, digest, size },
      ...(name !== undefined && { annotations: { [LAYER_FILE]: name } }),
    })),
  });
}

/** Reads what the two above have written. Throws `integrity` if it is something else. */
export function parseContainer(manifest: string, config: string, place: string): Container {
  try {
    const { layers } = JSON.parse(manifest) as { readonly layers: readonly WrittenLayer[] };
    const { created, architecture, rootfs, config: settings } = JSON.parse(config) as WrittenConfig;
    return {
      version: settings.Labels["org.opencontainers.image.version"],
      architecture,
      time: Date.parse(created) / 1000,
      layers: layers.map(({ mediaType, digest, size, annotations }, index) => {
        const name = annotations?.[LAYER_FILE];
        const diffId = rootfs.diff_ids[index];
        if (diffId === undefined) throw new TypeError("a layer has no diff_id");
        return { ...(name !== undefined && { name }), mediaType, digest, size, diffId };
      }),
    };
  } catch (cause) {
    throw new K3osError("integrity", `what the registry has at ${place} is no image of k3OS`, {
      hint: "`./k3os publish` writes it.",
      cause,
    });
  }
}

/** The digest of the config that a manifest names. Throws `integrity` if it names none. */
export function configOf(manifest: string, place: string): string {
  const digest = (JSON.parse(manifest) as { readonly config?: Partial<Descriptor> }).config?.digest;
  if (typeof digest === "string") return digest;
  throw new K3osError("integrity", `what the registry has at ${place} is no image of k3OS`, {
    hint: "`./k3os publish` writes it.",
  });
}

interface WrittenLayer extends Descriptor {
  readonly annotations?: Readonly<Record<string, string>>;
}

interface WrittenConfig {
  readonly created: string;
  readonly architecture: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly config: { readonly Labels: { readonly "org.opencontainers.image.version": string } };
}
