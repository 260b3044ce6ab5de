import { base64, fromUtf8 } from "../../config/bytes.ts";
import type { Config } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { ARCHITECTURES } from "../../image/architecture.ts";
import {
  addressOf,
  type Challenge,
  configForNames,
  DOCKER_MANIFEST_TYPE,
  type FileLayer,
  filesOf,
  INDEX_TYPE,
  MANIFEST_TYPE,
  manifestFor,
  namesIn,
  parseChallenge,
  parseReference,
  type Reference,
  tokenUrl,
} from "../../image/oci.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import { curlQuoted } from "../curl.ts";
import type { Download } from "../fetch-file.ts";

/** `k3os.registries`: mirrors of registries, how to log in and what to trust, as for images of containers. */
export type Registries = NonNullable<NonNullable<Config["k3os"]>["registries"]>;

/** The files of an artefact or of a container image in a registry. */
export interface Artefact {
  /** How to fetch a file; `undefined` if the artefact has none of that name. */
  file(name: string): Promise<Download> | undefined;
}

/** One server that may have the artefact. */
interface Endpoint {
  /** Ends in `/v2`, or in the path that the config names. */
  readonly base: string;
  readonly repository: string;
  /** Lines for curl: what to trust. */
  readonly trust: readonly string[];
  readonly login: Login | undefined;
}

type Login = { readonly user: string; readonly password: string } | { readonly refresh: string };

/**
 * Looks an artefact up in its registry (OCI distribution specification), at the mirrors that the config names first.
 * Logs in if the registry asks for that. Throws `network` with the last reason if no server has it, and `undefined`
 * stands for: every server says that it has none.
 */
export async function openArtefact(
  host: Host,
  place: string,
  registries: Registries | undefined,
  work: string,
): Promise<Artefact | undefined> {
  const reference = parseReference(place);
  let failure: unknown;
  for (const endpoint of endpointsOf(reference, registries)) {
    try {
      const found = await lookUp(host, endpoint, reference, place, work);
      if (found !== undefined) return found;
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

function endpointsOf({ registry, repository }: Reference, registries: Registries = {}): Endpoint[] {
  const { mirrors = {}, configs = {} } = registries;
  const mirror = mirrors[registry] ?? mirrors["*"];
  const rewritten = Object.entries(mirror?.rewrite ?? {}).reduce(
    (name, [pattern, into]) => name.replace(patternOf(pattern), into),
    repository,
  );
  const endpoint = (url: string, name: string, called?: string): Endpoint => {
    const [, server = "", path = ""] = /^https?:\/\/([^/]+)(.*)$/.exec(url.replace(/\/+$/, "")) ?? [];
    const { auth, tls } = configs[server] ?? configs[called ?? ""] ?? {};
    const trust = [
      ...(tls?.ca_file === undefined ? [] : [`cacert = ${curlQuoted(tls.ca_file)}`]),
      ...(tls?.cert_file === undefined ? [] : [`cert = ${curlQuoted(tls.cert_file)}`]),
      ...(tls?.key_file === undefined ? [] : [`key = ${curlQuoted(tls.key_file)}`]),
      ...(tls?.insecure_skip_verify === true ? ["insecure"] : []),
    ];
    const base = `${url.replace(/\/+$/, "")}${path === "" ? "/v2" : ""}`;
    return { base, repository: name, trust, login: loginOf(auth) };
  };
  return [
    ...(mirror?.endpoint ?? []).map((url) => endpoint(url, rewritten)),
    endpoint(addressOf(registry), repository, registry),
  ];
}

function patternOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw new K3osError("config", `"${pattern}" in k3os.registries.mirrors is no pattern that k3OS knows`, {
      hint: "Go, in which k3s is written, knows some that are none here, such as (?i).",
      cause,
    });
  }
}

type Auth = NonNullable<NonNullable<Registries["configs"]>[string]["auth"]>;

function loginOf(auth: Auth | undefined): Login | undefined {
  if (auth?.identity_token !== undefined) return { refresh: auth.identity_token };
  if (auth?.username !== undefined) return { user: auth.username, password: auth.password ?? "" };
  const [user, ...password] = (fromUtf8(base64(auth?.auth ?? "")) ?? "").split(":");
  return user === undefined || user === "" ? undefined : { user, password: password.join(":") };
}

async function lookUp(
  host: Host,
  endpoint: Endpoint,
  { tag = "latest", digest }: Reference,
  place: string,
  work: string,
): Promise<Artefact | undefined> {
  const server = new Server(host, endpoint, work);
  const text = await server.manifest(digest ?? tag);
  if (text === undefined) return undefined;
  const other = manifestFor(text, ARCHITECTURES[OWN_ARCHITECTURE].go, place);
  const manifest = other === undefined ? text : ((await server.manifest(other)) ?? "");
  const config = configForNames(manifest, place);
  const names = config === undefined ? [] : namesIn(await server.text(config), place);
  const files = filesOf(manifest, place, names);
  return {
    file(name) {
      const found = files[name];
      return found === undefined ? undefined : server.blob(found);
    },
  };
}

/** A token holds for a minute at least (token authentication specification), and a large file takes longer to fetch. */
const TOKEN_MS = 50_000;

/** A repository on one server, and the authorization that it has asked for. */
class Server {
  readonly #host: Host;
  readonly #endpoint: Endpoint;
  readonly #work: string;
  #challenge: Challenge | undefined;
  #authorization: readonly string[] = [];
  #authorizedAt = 0;

  constructor(host: Host, endpoint: Endpoint, work: string) {
    this.#host = host;
    this.#endpoint = endpoint;
    this.#work = work;
  }

  async blob(layer: FileLayer): Promise<Download> {
    if (this.#challenge?.scheme === "bearer" && this.#host.monotonic() - this.#authorizedAt > TOKEN_MS) {
      await this.#logIn(this.#challenge, this.#endpoint.base);
    }
    const { base, repository, trust } = this.#endpoint;
    const options = [...trust, ...this.#authorization];
    const url = `${base}/${repository}/blobs/${layer.digest}`;
    return { url, options, ...(layer.packing !== "plain" && { layer }) };
  }

  /** The text of a small blob. Throws `integrity` if it is another one than its digest says. */
  async text(digest: string): Promise<string> {
    const { base, repository, trust } = this.#endpoint;
    const url = `${base}/${repository}/blobs/${digest}`;
    const { status } = await this.#ask(url, [...trust, ...this.#authorization]);
    if (status !== 200) throw refused(url, status);
    return this.#checked(url, digest);
  }

  /** The text of a manifest, whose digest is checked if it is asked for by that; `undefined` if there is none. */
  async manifest(name: string): Promise<string | undefined> {
    const { base, repository, trust } = this.#endpoint;
    const url = `${base}/${repository}/manifests/${name}`;
    const accept = `header = ${curlQuoted(`Accept: ${[MANIFEST_TYPE, INDEX_TYPE, DOCKER_MANIFEST_TYPE].join(", ")}`)}`;
    let answer = await this.#ask(url, [accept, ...trust, ...this.#authorization]);
    if (answer.status === 401 && this.#authorization.length === 0) {
      await this.#logIn(parseChallenge(answer.challenge), url);
      answer = await this.#ask(url, [accept, ...trust, ...this.#authorization]);
    }
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refused(url, answer.status);
    return name.startsWith("sha256:") ? this.#checked(url, name) : this.#host.readText(this.#body);
  }

  /** What was fetched last, if it has this digest. */
  async #checked(url: string, digest: string): Promise<string> {
    if (`sha256:${await this.#sumOfBody()}` === digest) return this.#host.readText(this.#body);
    throw new K3osError("integrity", `${url} is something else than its digest says`, {
      hint: "The registry, or a mirror of it, is damaged.",
    });
  }

  get #body(): string {
    return `${this.#work}/registry.body`;
  }

  async #sumOfBody(): Promise<string | undefined> {
    return (await run(this.#host, ["sha256sum", this.#body])).split(/\s+/)[0];
  }

  /** One request; never throws for what the server answers. */
  async #ask(url: string, options: readonly string[]): Promise<{ status: number; challenge: string }> {
    const headers = `${this.#work}/registry.headers`;
    const argv = [
      ...["curl", "--silent", "--show-error", "--location", "--connect-timeout", "10", "--max-time", "60"],
      ...["--retry", "3", "--retry-delay", "1", "--retry-connrefused", "--retry-max-time", "30"],
      ...["--max-filesize", "4M", "--dump-header", headers, "--output", this.#body, "--write-out", "%{http_code}"],
      ...["--config", "-"],
    ];
    const input = [`url = ${curlQuoted(url)}`, ...options, ""].join("\n");
    const result = await this.#host.exec(argv, { input });
    if (result.status !== 0) throw unreachable(url, result.stderr);
    const text = this.#host.stat(headers) === undefined ? "" : this.#host.readText(headers);
    const challenges = [...text.matchAll(/^www-authenticate:\s*(.*?)\r?$/gim)].map(([, value]) => value);
    return { status: Number(result.stdout), challenge: challenges.join(", ") };
  }

  /** Authorizes what comes after this. */
  async #logIn(challenge: Challenge | undefined, url: string): Promise<void> {
    if (challenge === undefined) throw refused(url, 401);
    this.#challenge = challenge;
    this.#authorizedAt = this.#host.monotonic();
    this.#authorization = [await this.#authorizationFor(challenge, url)];
  }

  async #authorizationFor(challenge: Challenge, url: string): Promise<string> {
    const { login, trust } = this.#endpoint;
    if (challenge.scheme === "basic") {
      if (login === undefined || "refresh" in login) throw refused(url, 401);
      return `user = ${curlQuoted(`${login.user}:${login.password}`)}`;
    }
    const { realm, service = "", scope = "" } = challenge;
    const form = (key: string, value: string) => `data-urlencode = ${curlQuoted(`${key}=${value}`)}`;
    const answer =
      login !== undefined && "refresh" in login
        ? await this.#ask(realm, [
            ...trust,
            ...[form("grant_type", "refresh_token"), form("refresh_token", login.refresh)],
            ...[form("service", service), form("scope", scope), form("client_id", "k3os")],
          ])
        : await this.#ask(tokenUrl(challenge), [
            ...trust,
            ...(login === undefined ? [] : [`user = ${curlQuoted(`${login.user}:${login.password}`)}`]),
          ]);
    const token = answer.status === 200 ? tokenIn(this.#host.readText(this.#body)) : undefined;
    if (token === undefined) throw refused(realm, answer.status);
    return `header = ${curlQuoted(`Authorization: Bearer ${token}`)}`;
  }
}

function tokenIn(text: string): string | undefined {
  try {
    const { token, access_token } = JSON.parse(text) as { token?: unknown; access_token?: unknown };
    const found = token ?? access_token;
    return typeof found === "string" && /^\S+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function refused(url: string, status: number): K3osError {
  const why = status === 401 || status === 403 ? "the registry wants to know who asks" : `it answers with ${status}`;
  return new K3osError("network", `${url} cannot be fetched: ${why}`, {
    hint: "How to log in stands in k3os.registries.configs, as for images of containers.",
  });
}

function unreachable(url: string, stderr: string): K3osError {
  const reason = (stderr.trim().split("\n").at(-1) ?? "").replace(/^curl: \(\d+\) /, "");
  return new K3osError("network", `${url} cannot be fetched: ${reason}`, {
    hint: "A mirror, or plain HTTP, is named in k3os.registries.mirrors.",
  });
}
