import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { isReference } from "../../image/oci.ts";
import type { Progress } from "../../progress.ts";
import { isUrl } from "../fetch-file.ts";
import { mount } from "../initrd/mount.ts";
import { fetchImage, fetchSigned } from "./fetch.ts";
import { requireFit } from "./fits.ts";
import type { OnDescribed, RoomFor, SourceImage } from "./image.ts";
import type { Part } from "./parts.ts";
import type { Registries } from "./registry.ts";
import { nothingAt, openRemote, webDirectory } from "./remote.ts";
import { verifySignature } from "./signature.ts";
import { requireTrust, type Trust } from "./trust.ts";
import { sizeOf, verifyImage } from "./verify.ts";

/** Where the image is on every medium. */
export const ON_MEDIUM = "k3os/system/current";

export interface OpenOptions {
  /** Whose signature the image must have (`trustOf`). If not given, no signature is looked at. */
  readonly trust?: Trust | undefined;
  /** The image that is wanted, as a channel names it: `sha256:…`. Another one is refused. */
  readonly digest?: string | undefined;
  /**
   * Called with what `image.json` says, once its signature was checked and before any other file is fetched or read.
   * What it throws ends the work.
   */
  readonly onDescribed?: OnDescribed | undefined;
  /** Called before the other files are fetched, which take `bytes` in `work` at most. It makes room, or throws. */
  readonly roomFor?: RoomFor | undefined;
  /** Files that need not be fetched if the image has them, too (`partsIn`). */
  readonly parts?: readonly Part[] | undefined;
  /** How to reach and log in to registries. */
  readonly registries?: Registries | undefined;
  /**
   * A directory for fetched files and mounts. Made if it is missing, for root only, because a URL's content may be
   * secret. A download that was interrupted goes on from what lies there.
   */
  readonly work: string;
  /** Whether `work` is on the file system of the slots. */
  readonly worksBesideSlots?: boolean;
  /** What the user can do about a damaged image, as a hint. */
  readonly ifDamaged: string;
  readonly progress: Progress;
}

/**
 * Opens the image at `place`: the URL or the path of an ISO, or of a directory with an image; or `oci://…`. Its
 * signature is checked before anything else is fetched or mounted, and every file is compared with its sum. What was
 * fetched stays in `work`, and an ISO stays mounted there.
 */
export async function openImage(host: Host, place: string, options: OpenOptions): Promise<SourceImage> {
  if (options.trust !== undefined) requireTrust(options.trust);
  host.mkdir(options.work, { mode: 0o700 });
  const onDescribed: OnDescribed = (described) => {
    requireFit(host, place, described.json);
    options.onDescribed?.(described);
  };
  const image = await openPlace(host, place, { ...options, onDescribed });
  if (options.digest !== undefined && options.digest !== image.digest) {
    throw new K3osError("integrity", `${place} is another image: expected ${options.digest}, got ${image.digest}`, {
      hint: "What the channel names must lie there. Publish it again.",
    });
  }
  return image;
}

function openPlace(host: Host, place: string, options: OpenOptions): Promise<SourceImage> {
  if (isUrl(place) && /\.iso$/i.test(place.replace(/[?#].*$/, ""))) return openIsoUrl(host, place, options);
  if (isUrl(place) || isReference(place)) return openRemoteImage(host, place, options);
  return openPath(host, place.replace(/^file:\/\//, ""), options);
}

async function openRemoteImage(host: Host, place: string, options: OpenOptions): Promise<SourceImage> {
  const { registries, work } = options;
  const directory = `${work}/image`;
  host.mkdir(directory);
  const base = place.replace(/\/image\.json(?=[?#]|$)/, "");
  const remote = await openRemote(host, base, registries, work);
  if (remote === undefined) throw nothingAt(place);
  const image = await fetchImage(host, remote, directory, { ...options, trust: options.trust });
  return {
    ...{ directory, size: sizeOf(image.json), ...image },
    ...(options.worksBesideSlots === true && { fetchedForSlots: true }),
  };
}

async function openIsoUrl(host: Host, url: string, options: OpenOptions): Promise<SourceImage> {
  const { work } = options;
  const [, parent = "", name = "", query = ""] = /^([^?#]*)\/([^/?#]*)(.*)$/.exec(url) ?? [];
  const file = `${work}/image.iso`;
  const from = webDirectory(`${parent}${query}`);
  const signer = await fetchSigned(host, from, name, file, "image", { ...options, trust: options.trust });
  return { ...(await openIso(host, file, options)), signer };
}

async function openPath(host: Host, path: string, options: OpenOptions): Promise<SourceImage> {
  const { trust, work } = options;
  const found = host.stat(path);
  if (found === undefined) throw new K3osError("host", `there is no image at ${path}`);
  // A link to a directory is one, too: `current` on a medium.
  const isDirectory = found.type === "directory" || host.stat(`${path}/image.json`) !== undefined;
  const signed = isDirectory ? `${path}/image.json` : path;
  const signer = trust === undefined ? undefined : await verifySignature(host, signed, "image", trust, work);
  const image = isDirectory ? await verifyImage(host, path, options) : await openIso(host, path, options);
  return { ...image, signer };
}

async function openIso(host: Host, file: string, options: OpenOptions): Promise<SourceImage> {
  return verifyImage(host, await mountIso(host, file, `${options.work}/iso`), options);
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
