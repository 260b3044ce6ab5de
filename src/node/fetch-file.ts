import { withoutUserInfo } from "../config/secrets.ts";
import { K3osError } from "../errors.ts";
import type { ExecOptions, ExecResult, Host } from "../host/host.ts";
import type { FileLayer } from "../image/oci.ts";
import { curlFailure, curlQuoted } from "./curl.ts";
import { watch } from "./watch.ts";

/** Whether a place given by the user is a URL. Otherwise it is a path. */
export function isUrl(place: string): boolean {
  return /^(https?|ftp|tftp):\/\//.test(place);
}

/** What is fetched. */
export interface Download {
  readonly url: string;
  /** More lines of curl's `--config`, such as `header = "…"`. They do not appear in `ps`. */
  readonly options?: readonly string[];
  /** How the file is packed there; as it is if not given. What is fetched is then the layer. */
  readonly layer?: FileLayer;
}

/** Retries for some seconds, because the network may just be coming up. Does not retry if the server refuses. */
const PATIENCE = [
  ...["--connect-timeout", "10", "--retry", "5", "--retry-delay", "1", "--retry-connrefused"],
  ...["--retry-max-time", "30"],
  // A connection over which nothing comes for a minute is dead.
  ...["--speed-limit", "1", "--speed-time", "60"],
];

/**
 * Fetches a file into `path`, of at most `most` bytes if that is given. Whatever was there is replaced, and removed if
 * that fails.
 */
export async function fetchFile(
  host: Host,
  from: string | Download,
  path: string,
  onBytes: (bytes: number) => void = () => {},
  most?: number,
): Promise<void> {
  const download = typeof from === "string" ? { url: from } : from;
  const result = await curl(host, download, path, most === undefined ? [] : atMost(most), onBytes);
  if (result.status === 0) return;
  host.remove(path);
  throw curlFailure(download.url, result);
}

/** No signature, index or description of an image is larger. */
export const SMALL = 16 * 1024 * 1024;

const atMost = (bytes: number) => ["--max-filesize", `${bytes}`];
/** The file is larger than that. */
const TOO_LARGE = 63;

/** Fetches a file that may not exist: returns whether the server has it. */
export async function fetchIfThere(host: Host, from: Download, path: string): Promise<boolean> {
  const result = await curl(host, from, path, atMost(SMALL), () => {});
  if (result.status === 0) return true;
  host.remove(path);
  if (/returned error: (404|410)\b/.test(result.stderr)) return false;
  throw curlFailure(from.url, result);
}

/** How often a broken download goes on although the last try has brought nothing, and how often it starts over. */
const FRUITLESS = 5;
const RESTARTS = 3;

/**
 * Fetches a file of `size` bytes into `path`, in the background, and goes on where an earlier try was interrupted. What
 * has come stays there if this fails. The content is not checked.
 */
export async function fetchResumed(
  host: Host,
  download: Download,
  path: string,
  size: number,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  let fruitless = 0;
  let restarts = 0;
  for (;;) {
    const had = host.stat(path)?.size ?? 0;
    if (had === size) return;
    if (had > size) host.remove(path);
    const result = await curl(host, download, path, ["--continue-at", "-", ...atMost(size)], onBytes, {
      background: true,
    });
    const has = host.stat(path)?.size ?? 0;
    if (result.status === TOO_LARGE || (result.status === 0 && has !== size)) {
      host.remove(path);
      const wrong = result.status === TOO_LARGE ? "is larger" : `has ${has}`;
      throw new K3osError("integrity", `${withoutUserInfo(download.url)} ${wrong}, expected ${size} bytes`, {
        hint: "The server has another file in its place.",
      });
    }
    if (result.status === 0) continue;
    if (cannotResume(result)) {
      host.remove(path);
      if (++restarts > RESTARTS) throw curlFailure(download.url, result);
      continue;
    }
    fruitless = has > had ? 0 : fruitless + 1;
    if (isRefusal(result) || fruitless >= FRUITLESS) throw curlFailure(download.url, result);
    await host.sleep(1000);
  }
}

/** The server knows no ranges, such as Python's, or has a shorter file. */
function cannotResume({ status, stderr }: ExecResult): boolean {
  return status === 33 || status === 36 || /returned error: 416\b/.test(stderr);
}

/** Another try would have the same answer, or curl itself cannot do its work: it is missing, or the disk is full. */
function isRefusal({ status, stderr }: ExecResult): boolean {
  return /returned error: 4\d\d\b/.test(stderr) || status === 23 || status >= 126;
}

async function curl(
  host: Host,
  { url, options = [] }: Download,
  path: string,
  more: readonly string[],
  onBytes: (bytes: number) => void,
  how: Pick<ExecOptions, "background"> = {},
): Promise<ExecResult> {
  const quiet = ["--fail", "--silent", "--show-error", "--location"];
  const argv = ["curl", ...quiet, ...PATIENCE, ...more, "--output", path, "--config", "-"];
  const input = [`url = ${curlQuoted(url)}`, ...options, ""].join("\n");
  const ended = host.exec(argv, { input, ...how }).then((result) => ({ result }));
  return (await watch(host, ended, path, onBytes)).result;
}
