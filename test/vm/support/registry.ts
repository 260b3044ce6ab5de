import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ContainerImage, imageBlobs } from "../../../src/formats/oci.ts";
import { hashing } from "./container-image.ts";

export interface Registry {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What was asked for, and who was let in: `200 /v2/toolbox/manifests/1`. */
  readonly requests: readonly string[];
  close(): void;
}

/**
 * A registry of one image, whatever it is called, for those who have the password (OCI distribution specification).
 * Machines reach it as 10.0.2.2. The image is made at the first request.
 */
export async function startRegistry(image: () => Promise<ContainerImage>): Promise<Registry> {
  const [user, password] = ["puller", "only-for-the-test"];
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const requests: string[] = [];
  const serve = async (url: string) => {
    if (url === "/v2/") return { mediaType: "application/json", digest: "", data: new Uint8Array() };
    const { layers, config, manifest } = imageBlobs(await image(), hashing);
    const [, kind, name] = /^\/v2\/[\w/-]+\/(manifests|blobs)\/([\w.:-]+)$/.exec(url.replace(/\?.*/, "")) ?? [];
    if (kind === "manifests") return manifest;
    return [...layers, config].find(({ digest }) => digest === name);
  };
  const server = createServer(async ({ method, url = "", headers }, response) => {
    const allowed = headers.authorization === expected;
    const found = allowed ? await serve(url) : undefined;
    const status = found !== undefined ? 200 : allowed ? 404 : 401;
    requests.push(`${status} ${url}`);
    if (!allowed) response.setHeader("www-authenticate", 'Basic realm="test"');
    if (found !== undefined) {
      response.setHeader("content-type", found.mediaType);
      response.setHeader("content-length", found.data.length);
      if (found.digest !== "") response.setHeader("docker-content-digest", found.digest);
    }
    response.writeHead(status).end(method === "HEAD" ? undefined : found?.data);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, user, password, requests, close: () => server.close() };
}
