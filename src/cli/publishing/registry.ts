import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { K3osError } from "../../errors.ts";
import { channelPath, channelTag, imageTag, REVOKED_PATH } from "../../image/index-json.ts";
import {
  addressOf,
  CHANNEL_TYPE,
  EMPTY,
  EMPTY_TEXT,
  filesOf,
  formatManifest,
  IMAGE_TYPE,
  MANIFEST_TYPE,
  parseChallenge,
  parseReference,
  tokenUrl,
} from "../../image/oci.ts";
import { signatureOf } from "../../image/signing.ts";
import type { Io } from "../io.ts";
import { asStep } from "../progress/index.ts";
import type { Target } from "./target.ts";

/** A file of an artefact: in memory, or on this machine. */
type Content = Uint8Array | { readonly path: string; readonly size: number; readonly sha256: string };

/** A repository in a registry. Logs in with what `docker login` or `podman login` has kept. */
export function registryTarget(place: string, { env, signal }: Pick<Io, "env" | "signal">): Target {
  const { registry, repository, tag, digest } = parseReference(place);
  if (tag !== undefined || digest !== undefined) {
    throw new K3osError("usage", `${place} names one artefact, not a repository.`, {
      hint: `Images and channels get tags of their own: oci://${registry}/${repository}`,
    });
  }
  const client = new Repository(registry, repository, loginFor(registry, env), signal);
  const fileName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const IMAGE_SIGNATURE = signatureOf("image.json");
  const REVOKED_SIGNATURE = signatureOf(REVOKED_PATH);
  return {
    shown: place,
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
    putImage(release, { directory, files, signature }, progress) {
      return asStep(progress, `Push the image to ${place}:${imageTag(release)}`, async (update) => {
        const contents = files.map(({ name, ...file }): [string, Content] => [
          name,
          { path: join(directory, name), ...file },
        ]);
        await client.push(imageTag(release), IMAGE_TYPE, [...contents, [IMAGE_SIGNATURE, signature]], update);
      });
    },
    async putSignature(release, signature) {
      const layers = (await client.layers(imageTag(release))) ?? {};
      const others = Object.entries(layers).filter(([name]) => name !== IMAGE_SIGNATURE);
      const own = await client.upload(signature);
      const manifest = formatManifest(IMAGE_TYPE, [
        ...others.map(([name, descriptor]) => ({ name, ...descriptor })),
        { name: IMAGE_SIGNATURE, ...own },
      ]);
      await client.putManifest(imageTag(release), manifest);
    },
    async putChannel(channel, { index, signature, revoked }) {
      const name = fileName(channelPath(channel));
      const files: [string, Content][] = [
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

/** The login of a registry in the files of docker and podman; `undefined` if there is none. */
export function loginFor(registry: string, env: Io["env"]): Login | undefined {
  const home = env.HOME ?? homedir();
  const files = [
    env.REGISTRY_AUTH_FILE,
    env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, "containers/auth.json"),
    join(env.DOCKER_CONFIG ?? join(home, ".docker"), "config.json"),
  ];
  for (const file of files) {
    if (file === undefined || file === "" || !existsSync(file)) continue;
    const auths = authsIn(file);
    const names = [
      registry,
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
  readonly content?: Content;
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

  async layers(tag: string) {
    const headers = { accept: MANIFEST_TYPE };
    const answer = await this.#ask({ method: "GET", url: this.#at(`manifests/${tag}`), headers }, [200, 404]);
    return answer.status === 404 ? undefined : filesOf(answer.body.toString("utf8"), `${this.#repository}:${tag}`);
  }

  async file(tag: string, name: string): Promise<Uint8Array | undefined> {
    const found = (await this.layers(tag))?.[name];
    if (found === undefined) return undefined;
    const { body } = await this.#ask({ method: "GET", url: this.#at(`blobs/${found.digest}`) }, [200]);
    if (digestOf(body) === found.digest) return body;
    throw new K3osError("integrity", `${this.#registry} has another ${name} than the digest of it says.`);
  }

  async push(
    tag: string,
    type: string,
    files: readonly (readonly [name: string, content: Content])[],
    update: (detail: string) => void = () => {},
  ): Promise<void> {
    const pushed = [];
    for (const [name, content] of files) {
      update(name);
      pushed.push({ name, ...(await this.upload(content)) });
    }
    await this.putManifest(tag, formatManifest(type, pushed));
  }

  async putManifest(tag: string, manifest: string): Promise<void> {
    await this.upload(Buffer.from(EMPTY_TEXT), EMPTY.digest);
    const headers = { "content-type": MANIFEST_TYPE };
    const content = Buffer.from(manifest);
    await this.#ask({ method: "PUT", url: this.#at(`manifests/${tag}`), headers, content }, [200, 201]);
  }

  /** Sends a blob, unless the repository has it. */
  async upload(
    content: Content,
    digest = content instanceof Uint8Array ? digestOf(content) : `sha256:${content.sha256}`,
  ): Promise<{ readonly digest: string; readonly size: number }> {
    const size = content instanceof Uint8Array ? content.length : content.size;
    const head = await this.#ask({ method: "HEAD", url: this.#at(`blobs/${digest}`) }, [200, 404]);
    if (head.status === 200) return { digest, size };
    const { headers } = await this.#ask({ method: "POST", url: this.#at("blobs/uploads/") }, [202]);
    const location = new URL(String(headers.location ?? ""), this.#base);
    location.searchParams.set("digest", digest);
    const type = { "content-type": "application/octet-stream" };
    await this.#ask({ method: "PUT", url: location.href, headers: type, content }, [201]);
    return { digest, size };
  }

  async #ask(request: Request, expected: readonly number[]): Promise<Answer> {
    let answer = await this.#send(request);
    if (answer.status === 401) {
      await this.#logIn(String(answer.headers["www-authenticate"] ?? ""));
      answer = await this.#send(request);
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
    const isOwn = new URL(request.url).host === new URL(this.#base).host;
    const authorization = isOwn && this.#authorization ? { authorization: this.#authorization } : {};
    return send({ ...request, headers: { ...request.headers, ...authorization } }, this.#signal);
  }
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
      else pipeline(createReadStream(content.path), request).catch(reject);
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new K3osError("network", `${url} cannot be reached: ${(cause as Error).message}`, { cause });
  }
}
