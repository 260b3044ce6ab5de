import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";

/** A web server on this host that hands out the files of an image; machines reach it as 10.0.2.2. */
export interface ImageServer {
  readonly port: number;
  close(): void;
}

export async function serveImage(directory: string): Promise<ImageServer> {
  const server = createServer((request, response) => {
    const file = join(directory, basename(request.url ?? ""));
    if (existsSync(file)) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
