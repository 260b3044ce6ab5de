/**
 * Images and channels in a container registry: what the workstation pushes and the node fetches. A channel is an OCI
 * artefact, an image is a container image (`container.ts`).
 */
import { K3osError } from "../errors.ts";

/** A place in a registry: `oci://REGISTRY/REPOSITORY[:TAG|@DIGEST]`. */
export interface Reference {
  /** Host and port. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or the digest of a manifest. */
  readonly tag?: string;
  readonly digest?: string;
}

export const CHANNEL_TYPE = "application/vnd.k3os.channel.v1";
/** A file of an artefact is a layer of this type, as it is; its name is in the annotation. */
export const FILE_TYPE = "application/octet-stream";
export const TITLE = "org.opencontainers.image.title";
/** A file of a container image is a layer of this type: an archive with nothing else in it. */
export const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
/** The name of the file that a layer of a container image holds. */
export const LAYER_FILE = "io.k3os.file";
/**
 * The same as a label of the config: the names of all layers, with commas between them, and nothing for the command.
 * Docker keeps that where it leaves out annotations.
 */
export const LAYER_FILES = "io.k3os.files";
/** What stands in the place of a container's config (OCI image specification 1.1). */
export const EMPTY = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
  size: 2,
} as const;
export const EMPTY_TEXT = "{}";
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
/** What docker pushes, in its own words (image manifest version 2, schema 2): the same JSON. */
export const DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

const REFERENCE =
  /^oci:\/\/((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?)\/([a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

export function isReference(place: string): boolean {
  return place.startsWith("oci://");
}

/** Throws `usage` for what is no reference. */
export function parseReference(place: string): Reference {
  const [, registry, repository, tag, digest] = REFERENCE.exec(place) ?? [];
  if (registry === undefined || repository === undefined) {
    throw new K3osError("usage", `${place} is no place in a registry`, {
      hint: "Such as oci://registry.example.com/k3os, with :TAG or @sha256:… behind it.",
    });
  }
  return { registry, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** Registries on the same machine speak plain HTTP unless somebody says otherwise, as containerd takes it. */
export function isLocal(registry: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(registry);
}

/** The address of a registry. Docker's own is not at the name that everybody calls it by. */
export function addressOf(registry: string): string {
  const server = registry === "docker.io" ? "registry-1.docker.io" : registry;
  return `${isLocal(server) ? "http" : "https"}://${server}`;
}

/** A piece of an artefact or of an image. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** How a layer holds a file: as it is, or in an archive, which whoever has pushed it may have compressed. */
export type Packing = "plain" | "tar" | "tar+gzip";

const PACKINGS: Readonly<Record<string, Packing>> = {
  [FILE_TYPE]: "plain",
  [LAYER_TYPE]: "tar",
  [`${LAYER_TYPE}+gzip`]: "tar+gzip",
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "tar+gzip",
};

/** A file as a layer holds it. */
export interface FileLayer {
  readonly packing: Packing;
  readonly digest: string;
  /** Bytes of the layer. */
  readonly size: number;
}

/** The manifest of an artefact whose files are these. Equal input gives equal bytes. */
export function formatManifest(
  artifactType: string,
  files: readonly { readonly name: string; readonly digest: string; readonly size: number }[],
): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType,
    config: EMPTY,
    layers: files.map(({ name, digest, size }) => ({
      mediaType: FILE_TYPE,
      digest,
      size,
      annotations: { [TITLE]: name },
    })),
  });
}

/**
 * The files that the manifest of an artefact or of a container image lists, by their names. Other layers are left out.
 * `names` are those of layers without an annotation, if the config says them (`namesIn`). Throws `integrity` if it is
 * no manifest, or if a file is packed in a way that nobody here can unpack.
 */
export function filesOf(
  manifest: string,
  place: string,
  names: readonly string[] = [],
): Readonly<Record<string, FileLayer>> {
  const { layers } = parseJson(manifest, place);
  if (!Array.isArray(layers)) throw noManifest(place);
  const files = layers.flatMap((layer, index): [string, FileLayer][] => {
    const {
      mediaType = "",
      digest,
      size,
      annotations,
    } = (layer ?? {}) as Partial<Descriptor> & {
      annotations?: Readonly<Record<string, string>>;
    };
    const name = annotations?.[LAYER_FILE] ?? annotations?.[TITLE] ?? names[index];
    if (typeof name !== "string" || !/^\w[\w.-]*$/.test(name)) return [];
    if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest) || !Number.isSafeInteger(size)) return [];
    const packing = Object.hasOwn(PACKINGS, mediaType) ? PACKINGS[mediaType] : undefined;
    if (packing === undefined) {
      throw new K3osError("integrity", `${name} of ${place} is packed as ${mediaType}`, {
        hint: "Push it as it was built: skopeo and `./k3os publish` do. Or compress it with gzip.",
      });
    }
    return [[name, { packing, digest, size: Number(size) }]];
  });
  return Object.fromEntries(files);
}

/**
 * The digest of the config that has to be asked for the names of the files, because the manifest names none;
 * `undefined` if it names them, or has no such config.
 */
export function configForNames(manifest: string, place: string): string | undefined {
  if (Object.keys(filesOf(manifest, place)).length > 0) return undefined;
  const { config } = parseJson(manifest, place) as { readonly config?: Partial<Descriptor> };
  return typeof config?.digest === "string" && /^sha256:[0-9a-f]{64}$/.test(config.digest) ? config.digest : undefined;
}

/** The names of the files that the layers hold, as a container's config says them; none if it does not. */
export function namesIn(config: string, place: string): string[] {
  const labels = (parseJson(config, place) as { config?: { Labels?: Record<string, unknown> | null } }).config?.Labels;
  const names = labels?.[LAYER_FILES];
  return typeof names === "string" ? names.split(",") : [];
}

/**
 * The digest of the manifest for this processor, if the text is an index of several manifests; `undefined` if it is a
 * manifest itself. Throws `integrity` if there is none for it.
 */
export function manifestFor(text: string, architecture: string, place: string): string | undefined {
  const { manifests } = parseJson(text, place);
  if (manifests === undefined) return undefined;
  if (!Array.isArray(manifests)) throw noManifest(place);
  const found = manifests.find((one) => one?.platform?.architecture === architecture)?.digest;
  if (typeof found === "string" && /^sha256:[0-9a-f]{64}$/.test(found)) return found;
  throw new K3osError("integrity", `${place} holds nothing for ${architecture}`, {
    hint: "It must be published for this processor, too.",
  });
}

function parseJson(text: string, place: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // No JSON: the error below says so.
  }
  throw noManifest(place);
}

function noManifest(place: string): K3osError {
  return new K3osError("integrity", `what the registry has at ${place} is no manifest`, {
    hint: "`./k3os publish` writes it.",
  });
}

/** What a registry wants to see first: from the header `WWW-Authenticate`, which may name several ways. */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service?: string; readonly scope?: string };

/** `undefined` if no way is known. */
export function parseChallenge(header: string): Challenge | undefined {
  const bearer = /\bBearer\s+(.*)$/i.exec(header)?.[1];
  if (bearer === undefined) return /\bBasic\b/i.test(header) ? { scheme: "basic" } : undefined;
  const value = (key: string) => new RegExp(`\\b${key}="([^"]*)"`).exec(bearer)?.[1];
  const [realm, service, scope] = [value("realm"), value("service"), value("scope")];
  if (realm === undefined || !/^https?:\/\//.test(realm)) return undefined;
  return {
    scheme: "bearer",
    realm,
    ...(service !== undefined && { service }),
    ...(scope !== undefined && { scope }),
  };
}

/** Where a token is asked for. */
export function tokenUrl({ realm, service, scope }: Challenge & { readonly scheme: "bearer" }): string {
  const query = Object.entries({ service, scope }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return query.length === 0 ? realm : `${realm}${realm.includes("?") ? "&" : "?"}${query.join("&")}`;
}
