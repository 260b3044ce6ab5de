import { createReadStream, existsSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";

/** A web server on this host; machines reach it as 10.0.2.2. */
export interface Served {
  readonly port: number;
  close(): void;
}

/** Answers every request with one text. */
export function serveText(text: string): Promise<Served> {
  return serve((_, response) => response.end(text));
}

/** Hands out the files of a directory. */
export function serveDirectory(directory: string): Promise<Served> {
  return serve((request, response) => {
    const file = join(directory, basename(request.url ?? ""));
    if (existsSync(file)) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  });
}

async function serve(answer: RequestListener): Promise<Served> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
