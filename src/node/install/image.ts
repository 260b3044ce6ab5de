import { withoutUserInfo } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import type { Progress } from "../../progress.ts";
import { MEDIUM } from "../initrd/init.ts";
import { mount } from "../initrd/mount.ts";
import { formatBytes } from "./disks.ts";
import { fetchFile, isUrl, WORK } from "./fetch.ts";
import type { Settings } from "./settings.ts";
import { signatureOf, verifySignature } from "./signature.ts";

/** An image that lies here as files, each checked against its sum. */
export interface SourceImage {
  /** Holds `IMAGE_FILES`. */
  readonly directory: string;
  readonly json: ImageJson;
  /** Bytes of all its files. */
  readonly size: number;
}

const CURRENT = "k3os/system/current";
const RUNNING = `${MEDIUM}/${CURRENT}`;

/**
 * The image to install: an ISO or an image directory, by URL or path, whose signature is checked first if there is a key; without it, the medium
 * that this system runs from. What is fetched is kept in memory until the machine restarts.
 */
export async function openImage(
  host: Host,
  { iso_url: place, image_key: key }: Pick<Settings, "iso_url" | "image_key">,
  progress: Progress,
): Promise<SourceImage> {
  const directory = place === undefined ? runningMedium(host) : await obtain(host, place, key, progress);
  return verify(host, directory, progress);
}

/** Why this system cannot install itself; `undefined` if it can. */
export function whyNoImage(host: Host): K3osError | undefined {
  if (host.stat(`${RUNNING}/image.json`) !== undefined) return undefined;
  return new K3osError("host", "this system was not started from a medium that holds its image", {
    hint: "Say what to install: --image with the URL or the path of an ISO, or of a directory with an image.",
  });
}

function runningMedium(host: Host): string {
  const refusal = whyNoImage(host);
  if (refusal !== undefined) throw refusal;
  return RUNNING;
}

function obtain(host: Host, place: string, key: string | undefined, progress: Progress): Promise<string> {
  host.mkdir(WORK, { mode: 0o700 });
  if (!isUrl(place)) return openLocal(host, place.replace(/^file:\/\//, ""), key);
  const isIso = /\.iso$/i.test(place.replace(/[?#].*$/, ""));
  return isIso ? fetchIso(host, place, key, progress) : fetchDirectory(host, place, key, progress);
}

async function openLocal(host: Host, path: string, key: string | undefined): Promise<string> {
  const found = host.stat(path);
  if (found === undefined) throw new K3osError("host", `there is no image at ${path}`);
  const isDirectory = found.type === "directory";
  if (key !== undefined) await verifySignature(host, isDirectory ? `${path}/image.json` : path, key);
  return isDirectory ? path : mountIso(host, path);
}

async function fetchIso(host: Host, url: string, key: string | undefined, progress: Progress): Promise<string> {
  const file = `${WORK}/image.iso`;
  await fetchSigned(host, url, file, key, progress);
  return mountIso(host, file);
}

async function fetchDirectory(host: Host, url: string, key: string | undefined, progress: Progress): Promise<string> {
  const base = url.replace(/\/+$/, "").replace(/\/image\.json$/, "");
  const directory = `${WORK}/image`;
  host.mkdir(directory);
  // Its signature is that of all files: it has their sums.
  await fetchSigned(host, `${base}/image.json`, `${directory}/image.json`, key, progress);
  for (const name of IMAGE_FILES) {
    if (name !== "image.json") await fetchShown(host, `${base}/${name}`, `${directory}/${name}`, progress);
  }
  return directory;
}

/** Fetches a file; if there is a key, its signature too, which must be that key's. */
async function fetchSigned(
  host: Host,
  url: string,
  file: string,
  key: string | undefined,
  progress: Progress,
): Promise<void> {
  if (key !== undefined) await fetchShown(host, signatureOf(url), signatureOf(file), progress);
  await fetchShown(host, url, file, progress);
  if (key !== undefined) await verifySignature(host, file, key);
}

async function fetchShown(host: Host, url: string, file: string, progress: Progress): Promise<void> {
  const step = progress.step(`Fetch ${withoutUserInfo(url)}`);
  try {
    await fetchFile(host, url, file, (bytes) => step.update(formatBytes(bytes)));
  } catch (error) {
    step.fail();
    throw error;
  }
  step.done(formatBytes(host.stat(file)?.size ?? 0));
}

async function mountIso(host: Host, file: string): Promise<string> {
  const target = `${WORK}/iso`;
  // Left behind by a run that was stopped.
  await host.exec(["umount", "-q", target]);
  await run(host, ["modprobe", "-a", "loop", "isofs"]);
  await mount(host, { type: "iso9660", source: file, target, options: "ro,loop" });
  if (host.stat(`${target}/${CURRENT}/image.json`) !== undefined) return `${target}/${CURRENT}`;
  await run(host, ["umount", target]);
  throw new K3osError("integrity", `${file} is no medium of k3OS: it has no /${CURRENT}/image.json`);
}

async function verify(host: Host, directory: string, progress: Progress): Promise<SourceImage> {
  const json = parseImageJson(host.readText(`${directory}/image.json`), `${directory}/image.json`);
  const files = Object.entries(json.files ?? {});
  const size = files.reduce((sum, [, file]) => sum + file.size, 0);
  const step = progress.step(`Check the image ${json.version}`);
  try {
    await checkSums(host, directory, json);
  } catch (error) {
    step.fail();
    throw error;
  }
  step.done(formatBytes(size));
  return { directory, json, size };
}

/** Compares the files of an image with what `image.json` says; throws `integrity` naming the first that differs, with `hint` as the way out. */
export async function checkSums(host: Host, directory: string, json: ImageJson, hint = RENEW): Promise<void> {
  const files = Object.entries(json.files ?? {});
  for (const [name, { size }] of files) {
    const found = host.stat(`${directory}/${name}`)?.size;
    if (found !== size) throw damaged(`${directory}/${name}`, `${size} bytes`, `${found ?? 0}`, hint);
  }
  const names = files.map(([name]) => `${directory}/${name}`);
  const sums = (await run(host, ["sha256sum", ...names])).split("\n").map((line) => line.split(/\s+/)[0]);
  for (const [index, [name, { sha256 }]] of files.entries()) {
    if (sums[index] !== sha256) throw damaged(`${directory}/${name}`, `sha256 ${sha256}`, `${sums[index]}`, hint);
  }
}

const RENEW = "Write the medium anew, or fetch the image again.";

function damaged(path: string, expected: string, got: string, hint: string): K3osError {
  return new K3osError("integrity", `${path} is damaged: expected ${expected}, got ${got}`, { hint });
}

function parseImageJson(text: string, path: string): ImageJson {
  try {
    const json = JSON.parse(text) as ImageJson;
    const complete = IMAGE_FILES.every((name) => name === "image.json" || json.files?.[name] !== undefined);
    const known = Object.keys(json.files ?? {}).every((name) => (IMAGE_FILES as readonly string[]).includes(name));
    if (json.format === 1 && /^[\w][\w.+~-]*$/.test(json.version) && complete && known) return json;
  } catch {
    // Told below.
  }
  throw new K3osError("integrity", `${path} does not describe an image of k3OS that this installer knows`);
}
