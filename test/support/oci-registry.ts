import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface OciRegistry {
  /** Host and port, as it stands in a reference. */
  readonly name: string;
  /** What was asked for and answered, such as `GET 200 /v2/k3os/manifests/latest`. */
  readonly requests: string[];
  readonly manifests: Map<string, string>;
  readonly blobs: Map<string, Buffer>;
  close(): Promise<void>;
}

export interface RegistryOptions {
  /** How it lets people in: not at all if not given. `bearer` without a user is for everybody. */
  readonly scheme?: "basic" | "bearer";
  readonly user?: string;
  readonly password?: string;
  /** A token that is exchanged for one that holds for a while. */
  readonly refresh?: string;
  /** It keeps blobs somewhere else, as hosted registries do, and whoever asks there must not log in. */
  readonly redirects?: boolean;
}

const digestOf = (data: Uint8Array) => `sha256:${createHash("sha256").update(data).digest("hex")}`;

/** A registry in memory that can be pushed to and pulled from (OCI distribution specification). */
export async function startOciRegistry(options: RegistryOptions = {}): Promise<OciRegistry> {
  const { scheme, user, password, refresh, redirects = false } = options;
  const [requests, manifests, blobs] = [[] as string[], new Map<string, string>(), new Map<string, Buffer>()];
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const token = "let-me-in";
  const server = createServer(async (request, response) => {
    const { method = "GET", url = "", headers } = request;
    const body = await bodyOf(request);
    const { pathname, searchParams } = new URL(url, "http://registry");
    const answer = (status: number, data: string | Buffer = "", more: Record<string, string> = {}) => {
      requests.push(`${method} ${status} ${pathname}`);
      response.writeHead(status, more).end(method === "HEAD" ? undefined : data);
    };
    if (pathname === "/token") {
      const asked = new URLSearchParams(body.toString());
      const allowed =
        refresh !== undefined
          ? asked.get("refresh_token") === refresh && asked.get("grant_type") === "refresh_token"
          : user === undefined || headers.authorization === basic;
      return allowed ? answer(200, JSON.stringify({ token })) : answer(401);
    }
    if (pathname.startsWith("/storage/")) {
      const stored = blobs.get(pathname.slice("/storage/".length));
      if (headers.authorization !== undefined) return answer(400, "only one authorization is allowed");
      return stored === undefined ? answer(404) : answer(200, stored);
    }
    const wanted = scheme === "basic" ? basic : scheme === "bearer" ? `Bearer ${token}` : undefined;
    if (wanted !== undefined && headers.authorization !== wanted) {
      const realm = `http://${headers.host}/token`;
      const challenge =
        scheme === "basic" ? 'Basic realm="test"' : `Bearer realm="${realm}",service="test",scope="repository:x:pull"`;
      return answer(401, "", { "www-authenticate": challenge });
    }
    const [, repository = "", kind, name = ""] =
      /^\/v2\/(.+)\/(manifests|blobs|blobs\/uploads)\/([^/]*)$/.exec(pathname) ?? [];
    if (kind === "manifests" && method === "PUT") {
      manifests.set(`${repository}:${name}`, body.toString());
      manifests.set(`${repository}:${digestOf(body)}`, body.toString());
      return answer(201);
    }
    if (kind === "manifests") {
      const found = manifests.get(`${repository}:${name}`);
      const type = (JSON.parse(found ?? "{}") as { mediaType?: string }).mediaType ?? "";
      return found === undefined ? answer(404) : answer(200, found, { "content-type": type });
    }
    if (kind === "blobs/uploads" && method === "POST") return answer(202, "", { location: `${pathname}session?x=1` });
    if (kind === "blobs/uploads" && method === "PUT") {
      const digest = searchParams.get("digest") ?? "";
      if (digestOf(body) !== digest) return answer(400);
      blobs.set(digest, body);
      return answer(201);
    }
    const blob = blobs.get(name);
    if (blob === undefined) return answer(404);
    if (redirects) {
      return answer(307, "", { location: `http://localhost:${headers.host?.split(":")[1]}/storage/${name}` });
    }
    return answer(200, blob, { "content-length": `${blob.length}` });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    ...{ name: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests, manifests, blobs },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
