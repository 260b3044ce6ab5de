import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** A file that is handed out: its path, or its content. */
export type Served = string | Uint8Array;

export interface ImageServer {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Hands out these files, by their names, and nothing else, on a port of 127.0.0.1. Machines of this workstation reach
 * it at 10.0.2.2. A download that broke may go on (`Range: bytes=N-`). `onSent` is told how many bytes of files were
 * sent.
 */
export async function serveImage(
  files: Readonly<Record<string, Served>>,
  onSent: (bytes: number) => void = () => {},
): Promise<ImageServer> {
  let sent = 0;
  const count = (part: Uint8Array) => {
    sent += part.length;
    onSent(sent);
  };
  const server = createServer((request, response) => answer(files, request, response, count));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  files: Readonly<Record<string, Served>>,
  { url = "", method, headers }: IncomingMessage,
  response: ServerResponse,
  count: (part: Uint8Array) => void,
): void {
  const name = url.slice(1);
  const file = Object.hasOwn(files, name) ? files[name] : undefined;
  if (file === undefined || (method !== "GET" && method !== "HEAD")) {
    response.writeHead(file === undefined ? 404 : 405, { "content-length": 0 }).end();
    return;
  }
  const size = typeof file === "string" ? statSync(file).size : file.length;
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
  if (start > 0 && start >= size) {
    response.writeHead(416, { "content-length": 0, "content-range": `bytes */${size}` }).end();
    return;
  }
  const range = start === 0 ? {} : { "content-range": `bytes ${start}-${size - 1}/${size}` };
  const common = { "content-length": size - start, "accept-ranges": "bytes", ...range };
  response.writeHead(start === 0 ? 200 : 206, common);
  if (method === "HEAD") response.end();
  else if (typeof file !== "string") response.end(file.subarray(start));
  else {
    // A reader that goes away, or a file that cannot be read, ends the connection. The node asks again.
    createReadStream(file, { start })
      .on("data", (part) => count(part as Buffer))
      .on("error", () => response.destroy())
      .pipe(response);
  }
}

/** Files of an image as they are served: those of its directory, and the signature of `image.json`. */
export function filesToServe(directory: string, signature: Uint8Array): Readonly<Record<string, Served>> {
  const names = ["image.json", "vmlinuz", "initrd", "root.squashfs"];
  return { ...Object.fromEntries(names.map((name) => [name, join(directory, name)])), "image.json.sig": signature };
}
