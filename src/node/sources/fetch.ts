import type { Host } from "../../host/host.ts";
import { curlQuoted } from "../curl.ts";
import { RUN } from "../places.ts";

export interface Request {
  readonly url: string;
  readonly method?: "GET" | "PUT" | "POST";
  /** `Name: value`. */
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Send it from a port that only root may use. Scaleway requires that. */
  readonly privileged?: boolean;
}

export interface Response {
  /** 0 if there was no answer. */
  readonly status: number;
  /** Empty unless the status is 200. */
  readonly body: Uint8Array;
}

/** Limits of one request: to connect, and in total. A service that did not answer in time is asked once more. */
const PATIENCE = ["connect-timeout = 2", "max-time = 5", "retry = 1", "retry-delay = 1", "retry-connrefused"];
/** More than any user data. Clouds allow 16 to 64 KiB. */
const MAX_BYTES = 1024 * 1024;

/**
 * Fetches several documents at once, with one curl. Never throws: a document that could not be fetched has status 0.
 * Uses no proxy, because a metadata service is local. URLs and headers go through a pipe, because some are secrets.
 */
export async function fetchAll<Name extends string>(
  host: Host,
  requests: Readonly<Record<Name, Request>>,
): Promise<Readonly<Record<Name, Response>>> {
  const names = Object.keys(requests) as Name[];
  const directory = `${RUN}/fetch.${host.monotonic()}`;
  host.mkdir(directory, { mode: 0o700 });
  try {
    const input = names.map((name, index) => section(requests[name], `${directory}/${index}`)).join("next\n");
    const argv = ["curl", "--parallel", "--parallel-immediate", "--config", "-"];
    const { stdout } = await host.exec(argv, { input, timeoutMs: 15_000 });
    const statuses = new Map(
      [...stdout.matchAll(/^(\S+) (\d{3})$/gm)].map(([, path, status]) => [path, Number(status)]),
    );
    const responses = names.map((name, index) => {
      const path = `${directory}/${index}`;
      const status = statuses.get(path) ?? 0;
      const usable = status === 200 && host.stat(path) !== undefined;
      return [name, { status, body: usable ? host.read(path) : new Uint8Array() }] as const;
    });
    return Object.fromEntries(responses) as Record<Name, Response>;
  } finally {
    host.remove(directory);
  }
}

/** One transfer in the format of curl's `--config`. Options before `next` apply to that transfer only. */
function section({ url, method = "GET", headers = [], body, privileged }: Request, path: string): string {
  return [
    "silent",
    'noproxy = "*"',
    ...PATIENCE,
    `max-filesize = ${MAX_BYTES}`,
    `url = ${curlQuoted(url)}`,
    ...(method === "GET" ? [] : [`request = ${curlQuoted(method)}`]),
    ...headers.map((header) => `header = ${curlQuoted(header)}`),
    ...(body === undefined ? [] : [`data-binary = ${curlQuoted(body)}`]),
    ...(privileged ? ['local-port = "1-1023"'] : []),
    `output = ${curlQuoted(path)}`,
    `write-out = ${curlQuoted(`${path} %{http_code}\\n`)}`,
    "",
  ].join("\n");
}
