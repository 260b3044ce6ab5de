import { withoutUserInfo } from "../../config/index.ts";
import type { Host } from "../../host/host.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import { inStep, type Progress } from "../../progress.ts";
import { fetchFile } from "../fetch-file.ts";
import { formatBytes } from "../format-bytes.ts";
import { type SigningKey, signatureOf, verifySignature } from "./signature.ts";

/** How a download is checked and shown. */
export interface FetchOptions {
  readonly key: SigningKey | undefined;
  /** An existing directory that only root can read. */
  readonly work: string;
  readonly progress: Progress;
}

/**
 * Fetches the files of the image at `url`, a directory of a server, into the existing `directory`. `image.json` comes
 * first and its signature is checked at once, because it has the sums of all other files. Those sums are not checked
 * here (`verifyImage`).
 */
export async function fetchImage(host: Host, url: string, directory: string, options: FetchOptions): Promise<void> {
  const base = url.replace(/\/+$/, "").replace(/\/image\.json$/, "");
  await fetchSigned(host, `${base}/image.json`, `${directory}/image.json`, options);
  for (const name of IMAGE_FILES) {
    if (name !== "image.json") await fetchShown(host, `${base}/${name}`, `${directory}/${name}`, options.progress);
  }
}

/** Fetches a file. If there is a key, its signature is fetched too, and checked. */
export async function fetchSigned(host: Host, url: string, file: string, options: FetchOptions): Promise<void> {
  const { key, work, progress } = options;
  if (key !== undefined) await fetchShown(host, signatureOf(url), signatureOf(file), progress);
  await fetchShown(host, url, file, progress);
  if (key !== undefined) await verifySignature(host, file, key, work);
}

function fetchShown(host: Host, url: string, file: string, progress: Progress): Promise<void> {
  return inStep(
    progress,
    `Fetch ${withoutUserInfo(url)}`,
    (step) => fetchFile(host, url, file, (bytes) => step.update(formatBytes(bytes))),
    () => formatBytes(host.stat(file)?.size ?? 0),
  );
}
