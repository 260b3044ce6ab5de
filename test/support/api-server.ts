import { readFileSync } from "node:fs";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Authority, Certificate } from "./certificates.ts";

/** A request that the server has, and what a test does with it. */
export interface Exchange {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly mediaType: string | undefined;
  /** Such as `2.0`. */
  readonly httpVersion: string;
  /** The common name of the client's certificate; `undefined` without one that the authority has signed. */
  readonly user: string | undefined;
  /** Answers at once. */
  answer(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** Answers 200 with a piece of a body that goes on. */
  send(text: string | Uint8Array): void;
  end(): void;
  /** Ends the connection without a word. */
  cut(): void;
}

export type Handler = (exchange: Exchange) => void;

/** An API server over TLS that does what a test tells it, on a port that it keeps. HTTP/2 and HTTP/1.1. */
export interface ApiServer {
  readonly url: string;
  /** What was asked for, such as `GET /api/v1/nodes?watch=1`. */
  readonly requests: readonly string[];
  /** Resolves with the next request that has such a path, which then only the caller answers. */
  next(path: string): Promise<Exchange>;
  /** Answers what nobody waits for. Without it, that is 404. */
  otherwise(handler: Handler): void;
  /** Nothing listens any more, and all connections are cut. */
  goAway(): Promise<void>;
  /** Connections are taken, and nothing is ever said. */
  goSilent(): Promise<void>;
  comeBack(): Promise<void>;
  /** How many connections were opened. */
  connections(): number;
}

export async function serveApi(authority: Authority, identity: Certificate): Promise<ApiServer> {
  const requests: string[] = [];
  const waiting: { readonly path: string; readonly take: Handler }[] = [];
  /** Requests that came before somebody waited for them are not kept: a test waits first. */
  let otherwise: Handler = (exchange) => exchange.answer(404, { kind: "Status", code: 404, message: "not found" });
  let port = 0;
  let connections = 0;
  let close = async () => {};

  async function take(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const exchange = await toExchange(request, response);
    requests.push(`${exchange.method} ${request.url}`);
    const index = waiting.findIndex(({ path }) => path === exchange.path);
    const [found] = index < 0 ? [] : waiting.splice(index, 1);
    (found?.take ?? otherwise)(exchange);
  }

  async function listen(server: Http2SecureServer | ReturnType<typeof createTcpServer>): Promise<void> {
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => {
      connections++;
      sockets.add(socket);
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
    close = async () => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    };
  }

  const comeBack = async () => {
    await close();
    const server = createSecureServer({
      allowHTTP1: true,
      key: readFileSync(identity.key),
      cert: readFileSync(identity.certificate),
      ca: readFileSync(authority.certificate),
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.on("request", (request, response) => void take(request, response));
    server.on("sessionError", () => {});
    server.on("tlsClientError", () => {});
    await listen(server);
  };
  await comeBack();
  return {
    url: `https://127.0.0.1:${port}`,
    requests,
    next: (path) => new Promise((resolve) => waiting.push({ path, take: resolve })),
    otherwise(handler) {
      otherwise = handler;
    },
    async goAway() {
      await close();
      close = async () => {};
    },
    async goSilent() {
      await close();
      await listen(createTcpServer());
    },
    comeBack,
    connections: () => connections,
  };
}

async function toExchange(request: Http2ServerRequest, response: Http2ServerResponse): Promise<Exchange> {
  const chunks: Buffer[] = [];
  request.on("error", () => {});
  response.on("error", () => {});
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url, "https://server");
  const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
  return {
    method: request.method,
    path: url.pathname,
    query: url.searchParams,
    body: Buffer.concat(chunks).toString(),
    mediaType: request.headers["content-type"],
    httpVersion: request.httpVersion,
    user: socket.authorized ? String(socket.getPeerCertificate().subject?.CN) : undefined,
    answer(status, body, headers = {}) {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : `${JSON.stringify(body)}\n`);
    },
    send: (text) => void response.write(text),
    end: () => void response.end(),
    cut: () => void (request.stream?.session?.destroy() ?? request.socket.destroy()),
  };
}
