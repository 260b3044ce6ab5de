import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { type Purpose, signatureOf } from "../../image/signing.ts";
import { inStep, type Progress, type ProgressStep } from "../../progress.ts";
import { type Download, fetchFile, fetchIfThere, fetchResumed, SMALL } from "../fetch-file.ts";
import { formatBytes } from "../format-bytes.ts";
import type { OnDescribed, RoomFor } from "./image.ts";
import { requireFitting, unpackLayer } from "./layer.ts";
import { linkOrCopy, type Part, sha256Of } from "./parts.ts";
import { nothingAt, type Remote } from "./remote.ts";
import { verifySignature } from "./signature.ts";
import type { Trust } from "./trust.ts";
import { parseImageJson } from "./verify.ts";

/** How a download is checked and shown. */
export interface FetchOptions {
  /** Whose signatures are taken. If not given, no signature is looked at. */
  readonly trust: Trust | undefined;
  /** An existing directory that only root can read. */
  readonly work: string;
  readonly progress: Progress;
}

export interface FetchImageOptions extends FetchOptions {
  /** What the sha256 of `image.json` must be. */
  readonly digest?: string | undefined;
  /** Called before any other file is fetched. What it throws ends the work. */
  readonly onDescribed?: OnDescribed | undefined;
  /** Called then, with how many bytes the others take at most. */
  readonly roomFor?: RoomFor | undefined;
  /** Files that need not be fetched if the image has them, too. */
  readonly parts?: readonly Part[] | undefined;
}

export interface FetchedImage {
  readonly json: ImageJson;
  readonly digest: string;
  readonly signer: string | undefined;
}

/**
 * Fetches an image into the existing `directory`. `image.json` comes first and its signature is checked at once,
 * because it has the sums of all other files. Each of those is compared with its sum. A file that is there already, in
 * `directory` or among `parts`, is not fetched, and one that has come in part is fetched from there on.
 */
export async function fetchImage(
  host: Host,
  remote: Remote,
  directory: string,
  options: FetchImageOptions,
): Promise<FetchedImage> {
  const place = remote.shown("image.json");
  const path = `${directory}/image.json`;
  const signer = await fetchSigned(host, remote, "image.json", path, "image", { ...options, most: SMALL });
  const digest = `sha256:${await sha256Of(host, path)}`;
  if (options.digest !== undefined && digest !== options.digest) {
    throw new K3osError("integrity", `${place} is another image: expected ${options.digest}, got ${digest}`, {
      hint: "The channel names one image, and the server has another one in its place. Publish it again.",
    });
  }
  const json = parseImageJson(host.readText(path), place);
  options.onDescribed?.({ json, digest });
  removeOthers(host, directory, json);
  await options.roomFor?.(bytesToFetch(host, remote, directory, json));
  for (const [name, file] of Object.entries(json.files ?? {})) {
    await obtainPart(host, remote, directory, { name, ...file }, options);
  }
  return { json, digest, signer };
}

/**
 * What is there is counted, too, if it is there in part only. A file that comes in a layer is there twice while it is
 * taken out.
 */
function bytesToFetch(host: Host, remote: Remote, directory: string, { files = {} }: ImageJson): number {
  const missing = Object.entries(files).filter(([name, { size }]) => host.stat(`${directory}/${name}`)?.size !== size);
  const sizes = missing.map(([, { size }]) => size);
  return sizes.reduce((sum, size) => sum + size, remote.inLayers === true ? Math.max(0, ...sizes) : 0);
}

/**
 * Fetches a file, of at most `most` bytes, into `path`, and its signature beside it. Returns the fingerprint of the key
 * that signed it; `undefined` if nobody did and that is allowed.
 */
export async function fetchSigned(
  host: Host,
  remote: Remote,
  name: string,
  path: string,
  purpose: Purpose,
  { trust, work, progress, most }: FetchOptions & { readonly most?: number },
): Promise<string | undefined> {
  if (trust !== undefined) await fetchSignature(host, remote, name, path, trust, progress);
  const download = await remote.file(name);
  if (download === undefined) throw nothingAt(remote.shown(name));
  await inStep(
    progress,
    `Fetch ${remote.shown(name)}`,
    async (step) => {
      await fetchFile(host, download, path, (bytes) => step.update(formatBytes(bytes)), most);
      await unpackInPlace(host, download, path);
    },
    () => formatBytes(host.stat(path)?.size ?? 0),
  );
  return trust === undefined ? undefined : verifySignature(host, path, purpose, trust, work, remote.shown(name));
}

/** The signature comes first: without it, nothing else need be fetched. */
async function fetchSignature(
  host: Host,
  remote: Remote,
  name: string,
  path: string,
  { name: setting, unsigned = false }: Trust,
  progress: Progress,
): Promise<void> {
  const target = signatureOf(path);
  host.remove(target);
  const download = await remote.file(signatureOf(name));
  const title = `Fetch ${remote.shown(signatureOf(name))}`;
  const isThere = await inStep(
    progress,
    title,
    async () => {
      if (download === undefined || !(await fetchIfThere(host, download, target))) return false;
      await unpackInPlace(host, download, target);
      return true;
    },
    () => (host.stat(target) === undefined ? "there is none" : undefined),
  );
  if (isThere || unsigned) return;
  throw new K3osError("integrity", `there is no signature of ${remote.shown(name)}, which ${setting} asks for`, {
    hint: `It must lie beside it: ${remote.shown(signatureOf(name))}. \`./k3os publish\` makes it.`,
  });
}

/** Takes a small file out of its layer, if it is in one. */
async function unpackInPlace(host: Host, { layer }: Download, path: string): Promise<void> {
  if (layer === undefined) return;
  await unpackLayer(host, layer, path, `${path}.unpacked`, SMALL);
  host.rename(`${path}.unpacked`, path);
}

/** A part of the image, with its name in the directory. */
interface NamedFile {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

const partial = ({ name, sha256 }: NamedFile) => `${name}.${sha256.slice(0, 8)}.part`;

/** Removes what an interrupted download of another image has left, as far as its name or its size tells. */
function removeOthers(host: Host, directory: string, { files = {} }: ImageJson): void {
  const own = Object.entries(files).map(([name, file]) => partial({ name, ...file }));
  const kept = new Set([...IMAGE_FILES, signatureOf("image.json"), ...own]);
  for (const name of host.list(directory)) {
    const size = files[name]?.size;
    const isOther = !kept.has(name) || (size !== undefined && host.stat(`${directory}/${name}`)?.size !== size);
    if (isOther) host.remove(`${directory}/${name}`);
  }
}

async function obtainPart(
  host: Host,
  remote: Remote,
  directory: string,
  file: NamedFile,
  { parts = [], progress }: FetchImageOptions,
): Promise<void> {
  const target = `${directory}/${file.name}`;
  let note: string | undefined;
  await inStep(
    progress,
    `Fetch ${remote.shown(file.name)}`,
    async (step) => {
      note = "it is there";
      if (await isRight(host, target, file)) return;
      host.remove(target);
      note = "as before";
      for (const { path } of parts.filter(({ sha256 }) => sha256 === file.sha256)) {
        if (await isRight(host, path, file)) return linkOrCopy(host, path, target);
      }
      note = formatBytes(file.size);
      host.rename(await fetchPart(host, remote, directory, file, step), target);
    },
    () => note,
  );
}

async function isRight(host: Host, path: string, { size, sha256 }: NamedFile): Promise<boolean> {
  return host.stat(path)?.size === size && (await sha256Of(host, path)) === sha256;
}

/** Fetches a part whose content is right, and returns its path. */
async function fetchPart(
  host: Host,
  remote: Remote,
  directory: string,
  file: NamedFile,
  step: ProgressStep,
): Promise<string> {
  const { name, sha256, size } = file;
  const shown = remote.shown(name);
  const download = await remote.file(name);
  if (download === undefined) throw nothingAt(shown);
  const { layer } = download;
  if (layer !== undefined) requireFitting(layer, size, shown);
  const path = `${directory}/${partial(file)}`;
  const content = layer === undefined ? path : `${path}.unpacked`;
  const whole = layer?.size ?? size;
  const isResumed = host.stat(path) !== undefined;
  const fetchAll = async ({ mayBeHalves }: { readonly mayBeHalves: boolean }) => {
    await fetchResumed(host, download, path, whole, (bytes) =>
      step.update(`${formatBytes(bytes)} of ${formatBytes(whole)}, ${Math.floor((bytes / whole) * 100)} %`),
    );
    try {
      if (layer !== undefined) await unpackLayer(host, layer, path, content, size);
    } catch (error) {
      if (mayBeHalves && error instanceof K3osError) return "";
      throw error;
    }
    return sha256Of(host, content);
  };
  let sum = await fetchAll({ mayBeHalves: isResumed });
  if (sum !== sha256 && isResumed) {
    // These were halves of two files. All of the second one may be right.
    host.remove(path);
    sum = await fetchAll({ mayBeHalves: false });
  }
  if (content !== path || sum !== sha256) host.remove(path);
  if (sum === sha256) return content;
  host.remove(content);
  throw new K3osError("integrity", `${shown} is damaged: expected sha256 ${sha256}, got ${sum}`, {
    hint: "Fetch it again. If that does not help, what was published is damaged.",
  });
}
