import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import type { Progress } from "../../progress.ts";
import { isUrl } from "../fetch-file.ts";
import { mount } from "../initrd/mount.ts";
import { fetchImage, fetchSigned } from "./fetch.ts";
import type { SourceImage } from "./image.ts";
import { type SigningKey, verifySignature } from "./signature.ts";
import { verifyImage } from "./verify.ts";

/** Where the image is on every medium. */
export const ON_MEDIUM = "k3os/system/current";

export interface OpenOptions {
  /** If given, the image must have a signature by this key. Otherwise no signature is checked. */
  readonly key?: SigningKey | undefined;
  /**
   * A directory for fetched files and mounts. Made if it is missing, for root only, because a URL's content may be
   * secret.
   */
  readonly work: string;
  /** What the user can do about a damaged image, as a hint. */
  readonly ifDamaged: string;
  readonly progress: Progress;
}

/**
 * Opens the image at `place`: the URL or the path of an ISO, or of a directory with an image. Its signature is checked
 * before anything else is fetched or mounted, and every file is compared with its sum. What was fetched stays in
 * `work`, and an ISO stays mounted there.
 */
export async function openImage(host: Host, place: string, options: OpenOptions): Promise<SourceImage> {
  host.mkdir(options.work, { mode: 0o700 });
  const directory = isUrl(place)
    ? await openUrl(host, place, options)
    : await openPath(host, place.replace(/^file:\/\//, ""), options);
  return verifyImage(host, directory, options.ifDamaged, options.progress);
}

async function openUrl(host: Host, url: string, { key, work, progress }: OpenOptions): Promise<string> {
  if (/\.iso$/i.test(url.replace(/[?#].*$/, ""))) {
    await fetchSigned(host, url, `${work}/image.iso`, { key, work, progress });
    return mountIso(host, `${work}/image.iso`, `${work}/iso`);
  }
  const directory = `${work}/image`;
  host.mkdir(directory);
  await fetchImage(host, url, directory, { key, work, progress });
  return directory;
}

async function openPath(host: Host, path: string, { key, work }: OpenOptions): Promise<string> {
  const found = host.stat(path);
  if (found === undefined) throw new K3osError("host", `there is no image at ${path}`);
  // A link to a directory is one, too: `current` on a medium.
  const isDirectory = found.type === "directory" || host.stat(`${path}/image.json`) !== undefined;
  if (key !== undefined) await verifySignature(host, isDirectory ? `${path}/image.json` : path, key, work);
  return isDirectory ? path : mountIso(host, path, `${work}/iso`);
}

async function mountIso(host: Host, file: string, target: string): Promise<string> {
  // An interrupted run may have left one mounted.
  await host.exec(["umount", "-q", target]);
  await run(host, ["modprobe", "-a", "loop", "isofs"]);
  await mount(host, { type: "iso9660", source: file, target, options: "ro,loop" });
  if (host.stat(`${target}/${ON_MEDIUM}/image.json`) !== undefined) return `${target}/${ON_MEDIUM}`;
  await run(host, ["umount", target]);
  throw new K3osError("integrity", `${file} is no medium of k3OS: it has no /${ON_MEDIUM}/image.json`);
}
