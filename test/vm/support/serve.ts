import { createReadStream, statSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";

/** A web server on this host; machines reach it as 10.0.2.2. */
export interface Served {
  readonly port: number;
  close(): void;
}

/** Answers every request with one text. */
export function serveText(text: string): Promise<Served> {
  return serve((_, response) => response.end(text));
}

/** Hands out the files of a directory and of those below it. */
export function serveDirectory(directory: string): Promise<Served> {
  return serve((request, response) => {
    // An absolute path has no `..` left that could lead out of the directory.
    const file = join(directory, normalize(`/${request.url ?? ""}`));
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  });
}

async function serve(answer: RequestListener): Promise<Served> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
