import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A web server on this host that answers every request with one text; machines reach it as 10.0.2.2. */
export async function serveText(text: string): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((_, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
