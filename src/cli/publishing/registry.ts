import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { megabytes } from "../../build/extract.ts";
import { type Blob, type ContainerBlobs, containerBlobs, containerOf, fileLayer } from "../../build/media/container.ts";
import { K3osError } from "../../errors.ts";
import { firstFile } from "../../formats/tar.ts";
import { type Container, configOf, parseContainer } from "../../image/container.ts";
import { channelPath, channelTag, imageTag, REVOKED_PATH } from "../../image/index-json.ts";
import {
  addressOf,
  CHANNEL_TYPE,
  EMPTY_TEXT,
  FILE_TYPE,
  filesOf,
  formatManifest,
  MANIFEST_TYPE,
  parseChallenge,
  parseReference,
  tokenUrl,
} from "../../image/oci.ts";
import { signatureOf } from "../../image/signing.ts";
import type { Io } from "../io.ts";
import { asStep } from "../progress/index.ts";
import type { Target } from "./target.ts";

/** A repository in a registry. Logs in with what `docker login` or `podman login` has kept. */
export function registryTarget(place: string, { env, signal }: Pick<Io, "env" | "signal">): Target {
  const { registry, repository, tag, digest } = parseReference(place);
  if (tag !== undefined || digest !== undefined) {
    throw new K3osError("usage", `${place} names one artefact, not a repository.`, {
      hint: `Images and channels get tags of their own: oci://${registry}/${repository}`,
    });
  }
  const client = new Repository(registry, repository, loginFor(registry, repository, env), signal);
  const fileName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const IMAGE_SIGNATURE = signatureOf("image.json");
  const REVOKED_SIGNATURE = signatureOf(REVOKED_PATH);
  return {
    shown: place,
    isRegistry: true,
    check: () => client.check(),
    async readIndex(channel) {
      const found = await client.file(channelTag(channel), fileName(channelPath(channel)));
      return found === undefined ? undefined : Buffer.from(found).toString("utf8");
    },
    readImage: (release) => client.file(imageTag(release), "image.json"),
    async readRevoked(channel) {
      const list = await client.file(channelTag(channel), REVOKED_PATH);
      const signature = await client.file(channelTag(channel), REVOKED_SIGNATURE);
      return list === undefined || signature === undefined ? undefined : { list, signature };
    },
    putImage(release, { directory, files, signature, json, upgrader }, progress) {
      if (upgrader === undefined) throw new Error("a registry takes container images only");
      const { version, architecture, time } = json;
      const contents = [
        ...files.map(({ name }) => ({ name, content: join(directory, name) })),
        { name: IMAGE_SIGNATURE, content: signature },
      ];
      return asStep(progress, `Push the image to ${place}:${imageTag(release)}`, async (update) => {
        const blobs = await containerBlobs({ version, architecture, time, upgrader, files: contents }, signal);
        await client.pushContainer(imageTag(release), blobs, update);
      });
    },
    async putSignature(release, signature) {
      const container = await client.container(imageTag(release));
      if (container === undefined) return;
      const layer = await fileLayer({ name: IMAGE_SIGNATURE, content: signature });
      const others = container.layers.filter(({ name }) => name !== IMAGE_SIGNATURE);
      const blobs = containerOf({ ...container, layers: [...others, layer] });
      await client.pushContainer(imageTag(release), { ...blobs, layers: [layer] });
    },
    // Each has a list of its own.
    otherChannels: async () => [],
    async putChannel(channel, { index, signature, revoked }) {
      const name = fileName(channelPath(channel));
      const files: [string, Uint8Array][] = [
        [name, index],
        [signatureOf(name), signature],
      ];
      if (revoked !== undefined) files.push([REVOKED_PATH, revoked.list], [REVOKED_SIGNATURE, revoked.signature]);
      await client.push(channelTag(channel), CHANNEL_TYPE, files);
    },
  };
}

interface Login {
  readonly user: string;
  readonly password: string;
}

/**
 * The login of a repository in the files of docker and podman (containers-auth.json(5)); `undefined` if there is none.
 */
export function loginFor(registry: string, repository: string, env: Io["env"]): Login | undefined {
  const home = env.HOME ?? homedir();
  const files = [
    env.REGISTRY_AUTH_FILE,
    env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, "containers/auth.json"),
    `/run/containers/${process.getuid?.() ?? 0}/auth.json`,
    join(env.XDG_CONFIG_HOME ?? join(home, ".config"), "containers/auth.json"),
    join(env.DOCKER_CONFIG ?? join(home, ".docker"), "config.json"),
  ];
  // The repository, what it is below, and last the registry.
  const parts = [registry, ...repository.split("/")];
  const places = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  for (const file of files) {
    if (file === undefined || file === "" || !existsSync(file)) continue;
    const auths = authsIn(file);
    const names = [
      ...places,
      `https://${registry}`,
      ...(registry === "docker.io" ? ["https://index.docker.io/v1/"] : []),
    ];
    const auth = names.map((name) => auths[name]?.auth).find((one) => one !== undefined);
    if (auth === undefined) continue;
    const [user = "", ...password] = Buffer.from(auth, "base64").toString("utf8").split(":");
    return { user, password: password.join(":") };
  }
  return undefined;
}

function authsIn(file: string): Readonly<Record<string, { readonly auth?: string }>> {
  try {
    return JSON.parse(readFileSync(file, "utf8")).auths ?? {};
  } catch (cause) {
    throw new K3osError("config", `${file}, which says how to log in to registries, cannot be read.`, { cause });
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Request {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: Uint8Array | Blob;
}

/** The part of a registry's API that publishing needs (OCI distribution specification). */
class Repository {
  readonly #registry: string;
  readonly #repository: string;
  readonly #login: Login | undefined;
  readonly #signal: AbortSignal;
  #authorization: string | undefined;

  constructor(registry: string, repository: string, login: Login | undefined, signal: AbortSignal) {
    this.#registry = registry;
    this.#repository = repository;
    this.#login = login;
    this.#signal = signal;
  }

  get #base(): string {
    return addressOf(this.#registry);
  }

  #at(path: string): string {
    return `${this.#base}/v2/${this.#repository}/${path}`;
  }

  /** Logs in, if the registry asks for that. */
  async check(): Promise<void> {
    await this.#ask({ method: "GET", url: `${this.#base}/v2/` }, [200, 404]);
  }

  async #manifest(tag: string): Promise<string | undefined> {
    const headers = { accept: MANIFEST_TYPE };
    const answer = await this.#ask({ method: "GET", url: this.#at(`manifests/${tag}`), headers }, [200, 404]);
    return answer.status === 404 ? undefined : answer.body.toString("utf8");
  }

  async #blob(digest: string): Promise<Buffer> {
    const { body } = await this.#ask({ method: "GET", url: this.#at(`blobs/${digest}`) }, [200]);
    if (digestOf(body) === digest) return body;
    throw new K3osError("integrity", `${this.#registry} has another blob ${digest} than the digest says.`);
  }

  /** A small file of an artefact or of a container image. */
  async file(tag: string, name: string): Promise<Uint8Array | undefined> {
    const place = `${this.#repository}:${tag}`;
    const manifest = await this.#manifest(tag);
    const found = manifest === undefined ? undefined : filesOf(manifest, place)[name];
    if (found === undefined) return undefined;
    const blob = await this.#blob(found.digest);
    if (found.packing === "plain") return blob;
    return firstFile(found.packing === "tar" ? blob : gunzipSync(blob), `${name} of ${place}`);
  }

  /** What a container image consists of; `undefined` if there is none of that tag. */
  async container(tag: string): Promise<Container | undefined> {
    const place = `${this.#repository}:${tag}`;
    const manifest = await this.#manifest(tag);
    if (manifest === undefined) return undefined;
    const config = await this.#blob(configOf(manifest, place));
    return parseContainer(manifest, config.toString("utf8"), place);
  }

  /** Pushes an artefact. */
  async push(tag: string, type: string, files: readonly (readonly [name: string, content: Uint8Array])[]) {
    const pushed = [];
    for (const [name, content] of files) {
      const blob = blobOf(content);
      await this.#upload(blob);
      pushed.push({ name, digest: blob.digest, size: blob.size });
    }
    await this.#upload(blobOf(Buffer.from(EMPTY_TEXT)));
    await this.#putManifest(tag, Buffer.from(formatManifest(type, pushed)));
  }

  /** Pushes a container image. The repository must have the layers of it that are not given. */
  async pushContainer(tag: string, blobs: ContainerBlobs, update: (detail: string) => void = () => {}): Promise<void> {
    for (const layer of blobs.layers) {
      update(megabytes(layer.size));
      await this.#upload(layer);
    }
    await this.#upload(blobs.config);
    await this.#putManifest(tag, blobs.manifest);
  }

  async #putManifest(tag: string, content: Uint8Array | Blob): Promise<void> {
    const headers = { "content-type": MANIFEST_TYPE };
    await this.#ask({ method: "PUT", url: this.#at(`manifests/${tag}`), headers, content }, [200, 201]);
  }

  /** Sends a blob, unless the repository has it. */
  async #upload(content: Blob): Promise<void> {
    const { digest } = content;
    const head = await this.#ask({ method: "HEAD", url: this.#at(`blobs/${digest}`) }, [200, 404]);
    if (head.status === 200) return;
    const { headers } = await this.#ask({ method: "POST", url: this.#at("blobs/uploads/") }, [202]);
    const location = new URL(String(headers.location ?? ""), this.#base);
    // A registry behind a proxy may not know that it is asked by TLS.
    const base = new URL(this.#base);
    if (location.hostname === base.hostname && base.protocol === "https:" && location.protocol === "http:") {
      location.protocol = base.protocol;
    }
    location.searchParams.set("digest", digest);
    const type = { "content-type": "application/octet-stream" };
    await this.#ask({ method: "PUT", url: location.href, headers: type, content }, [201]);
  }

  async #ask(request: Request, expected: readonly number[]): Promise<Answer> {
    let answer = await this.#send(request);
    if (answer.status === 401) {
      await this.#logIn(String(answer.headers["www-authenticate"] ?? ""));
      answer = await this.#send(request);
    }
    for (let hops = 0; isRedirect(request, answer) && hops < REDIRECTS; hops++) {
      const url = new URL(String(answer.headers.location), request.url).href;
      answer = await this.#send({ ...request, url });
    }
    if (expected.includes(answer.status)) return answer;
    const said = answer.body.toString("utf8").trim().slice(0, 200);
    const isRefused = answer.status === 401 || answer.status === 403;
    throw new K3osError(
      "network",
      `${request.method} ${request.url} is answered with ${answer.status}. ${said}`.trim(),
      {
        hint: isRefused
          ? `Log in first: docker login ${this.#registry}, or podman login. It must be allowed to push.`
          : "Is it a registry, and is the name of the repository right?",
      },
    );
  }

  async #logIn(header: string): Promise<void> {
    const challenge = parseChallenge(header);
    const login = this.#login;
    const basic = login && `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;
    if (challenge?.scheme !== "bearer") {
      this.#authorization = basic;
      return;
    }
    const scope = `repository:${this.#repository}:pull,push`;
    const url = tokenUrl({ ...challenge, scope });
    const answer = await send({ method: "GET", url, headers: basic ? { authorization: basic } : {} }, this.#signal);
    const { token, access_token } = answer.status === 200 ? JSON.parse(answer.body.toString("utf8")) : {};
    this.#authorization = `Bearer ${token ?? access_token}`;
  }

  #send(request: Request): Promise<Answer> {
    // A place for an upload may be on another server, which must not learn who we are.
    const isOwn = new URL(request.url).origin === new URL(this.#base).origin;
    const authorization = isOwn && this.#authorization ? { authorization: this.#authorization } : {};
    return send({ ...request, headers: { ...request.headers, ...authorization } }, this.#signal);
  }
}

/** Registries often keep blobs somewhere else. What is sent does not go there. */
const isRedirect = ({ method }: Request, { status, headers }: Answer): boolean =>
  (method === "GET" || method === "HEAD") &&
  [301, 302, 303, 307, 308].includes(status) &&
  headers.location !== undefined;
const REDIRECTS = 5;

function blobOf(data: Uint8Array): Blob {
  return { mediaType: FILE_TYPE, digest: digestOf(data), size: data.length, open: () => [data] };
}

function digestOf(data: Uint8Array): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

async function send({ method, url, headers = {}, content }: Request, signal: AbortSignal): Promise<Answer> {
  const length = content === undefined ? 0 : content instanceof Uint8Array ? content.length : content.size;
  const hasBody = method === "PUT" || method === "POST";
  try {
    return await new Promise((resolve, reject) => {
      const start = url.startsWith("https:") ? httpsRequest : httpRequest;
      const options = { method, headers: { ...headers, ...(hasBody && { "content-length": length }) }, signal };
      const request = start(url, options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
        });
      });
      request.on("error", reject);
      if (content === undefined || content instanceof Uint8Array) request.end(content);
      else pipeline(Readable.from(content.open(), { objectMode: false }), request).catch(reject);
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new K3osError("network", `${url} cannot be reached: ${(cause as Error).message}`, { cause });
  }
}
