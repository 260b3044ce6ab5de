import { K3osError } from "../../errors.ts";
import { concat } from "../../formats/bytes.ts";
import type { Host } from "../../host/host.ts";
import { decodeUtf8 } from "../../host/utf8.ts";
import { type CurlSettings, curlConfig, curlSaid } from "../curl.ts";
import { reasonOf } from "../failure.ts";
import { type ApiAccess, accessSettings } from "../health/api.ts";
import { refusalReason, retryAfterMs } from "./answer.ts";
import type { ApiAnswer, ApiClient, PatchKind } from "./client.ts";

/** By what a node identifies itself: `kubeletAccess` or `adminAccess`. `undefined` as long as k3s has not made it. */
export type Credentials = () => ApiAccess | undefined;

export interface RequestLimits {
  /** Until the connection is there. */
  readonly connectSeconds: number;
  /** For all of a request. */
  readonly requestSeconds: number;
  /** A longer answer is an error. */
  readonly answerBytes: number;
}

export const REQUEST_LIMITS: RequestLimits = {
  connectSeconds: 5,
  requestSeconds: 30,
  answerBytes: 16 * 1024 * 1024,
};

export const NO_CREDENTIALS = "k3s has made no credentials yet";

/**
 * Speaks to the API by curl. No request fails by an exception. Credentials are read anew for each, because k3s renews
 * them.
 */
export function curlClient(host: Host, credentials: Credentials, limits: RequestLimits = REQUEST_LIMITS): ApiClient {
  const request = <T>(path: string, settings: CurlSettings = []) => ask<T>(host, credentials, limits, path, settings);
  return {
    get: (path) => request(path),
    post: (path, body) => request(path, bodySettings("POST", "application/json", body)),
    patch: (path, body, kind) =>
      request(kind === "apply" ? asManager(path) : path, bodySettings("PATCH", MEDIA_TYPES[kind], body)),
  };
}

const MEDIA_TYPES: Readonly<Record<PatchKind, string>> = {
  merge: "application/merge-patch+json",
  // JSON is YAML.
  apply: "application/apply-patch+yaml",
};

function asManager(path: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}fieldManager=k3os&force=true`;
}

function bodySettings(method: string, mediaType: string, body: unknown): CurlSettings {
  return [
    ["request", method],
    ["header", `Content-Type: ${mediaType}`],
    ["data-raw", JSON.stringify(body)],
  ];
}

async function ask<T>(
  host: Host,
  credentials: Credentials,
  limits: RequestLimits,
  path: string,
  settings: CurlSettings,
): Promise<ApiAnswer<T>> {
  try {
    const access = credentials();
    if (access === undefined) return noAnswer(NO_CREDENTIALS);
    const input = curlConfig([
      ["url", `${access.server}${path}`],
      ...accessSettings(access),
      ["connect-timeout", `${limits.connectSeconds}`],
      ["max-time", `${limits.requestSeconds}`],
      ["write-out", "\n%{http_code} %header{retry-after}"],
      ...settings,
    ]);
    return await curl<T>(host, input, limits);
  } catch (error) {
    return noAnswer(reasonOf(error));
  }
}

async function curl<T>(host: Host, input: string, limits: RequestLimits): Promise<ApiAnswer<T>> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  let size = 0;
  const child = host.spawn(["curl", "--silent", "--show-error", "--config", "-"], {
    input,
    timeoutMs: limits.requestSeconds * 1000 + 5000,
    onChunk(chunk) {
      size += chunk.length;
      if (size > limits.answerBytes) throw tooLong(limits.answerBytes);
      stdout.push(chunk);
    },
    onErrorChunk: (chunk) => stderr.push(chunk),
  });
  const status = await child.ended;
  if (status === 0) return toAnswer(decodeUtf8(concat(stdout)));
  const said = curlSaid(decodeUtf8(concat(stderr))) ?? `curl ended with status ${status}`;
  return noAnswer(`The API does not answer: ${said}.`);
}

function tooLong(bytes: number): K3osError {
  return new K3osError("network", `The API's answer is longer than ${bytes} bytes.`);
}

function noAnswer(reason: string): ApiAnswer<never> {
  return { status: 0, body: undefined, reason };
}

function toAnswer<T>(output: string): ApiAnswer<T> {
  const end = output.lastIndexOf("\n");
  const [code, retryAfter] = output.slice(end + 1).split(" ");
  const status = Number(code);
  const body = parsed(output.slice(0, end));
  const pause = retryAfterMs(retryAfter, body);
  const more = pause === undefined ? {} : { retryAfterMs: pause };
  if (status >= 400) return { status, body: body as T | undefined, reason: refusalReason(status, body), ...more };
  if (body === undefined) return noAnswer(`The API says ${status}, and what follows is no JSON.`);
  return { status, body: body as T, reason: "" };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
