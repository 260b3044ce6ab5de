import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface FileServer {
  readonly url: string;
  /** What was asked for and answered, such as `206 /root.squashfs 500-`. */
  readonly requests: string[];
  /** Ends the connection of the next answers after so many bytes each. */
  breakAfter(...bytes: number[]): void;
  close(): Promise<void>;
}

/** A static web server. Without `ranges` it always sends whole files, as Python's does. */
export async function serveFiles(directory: string, { ranges = true } = {}): Promise<FileServer> {
  const requests: string[] = [];
  const breaks: number[] = [];
  const send = (response: ServerResponse, status: number, body: Uint8Array, headers = {}) => {
    response.writeHead(status, { "content-length": body.length, ...headers });
    const limit = status < 300 && body.length > 0 ? breaks.shift() : undefined;
    if (limit === undefined || limit >= body.length) response.end(body);
    else response.write(body.subarray(0, limit), () => response.destroy());
  };
  const server = createServer(({ url = "", headers }, response) => {
    const path = join(directory, decodeURIComponent(url.replace(/\?.*/, "")));
    const range = ranges ? /^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] : undefined;
    const log = (status: number) => requests.push(`${status} ${url}${range === undefined ? "" : ` ${range}-`}`);
    if (!existsSync(path) || !statSync(path).isFile()) {
      log(404);
      return send(response, 404, new Uint8Array());
    }
    const body = readFileSync(path);
    if (range === undefined) {
      log(200);
      return send(response, 200, body);
    }
    if (Number(range) >= body.length) {
      log(416);
      return send(response, 416, new Uint8Array(), { "content-range": `bytes */${body.length}` });
    }
    log(206);
    const contentRange = `bytes ${range}-${body.length - 1}/${body.length}`;
    return send(response, 206, body.subarray(Number(range)), { "content-range": contentRange });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    breakAfter: (...bytes) => void breaks.push(...bytes),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
