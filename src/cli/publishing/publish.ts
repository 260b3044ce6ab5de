import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { sha256File } from "../../build/digest.ts";
import type { Upgrader } from "../../build/upgrader.ts";
import { K3osError } from "../../errors.ts";
import { IMAGE_FILES } from "../../image/disk.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { type ChannelIndex, formatIndex, isoTime, parseIndex, type Release } from "../../image/index-json.ts";
import { compareVersions } from "../../image/version.ts";
import type { Progress } from "../../progress.ts";
import type { Sign } from "./sign.ts";
import type { ImageFiles, RevokedKeys, Target } from "./target.ts";

export interface PublishOptions {
  readonly target: Target;
  readonly channel: string;
  /** Signs images; `undefined` if only the index is signed anew. */
  readonly signImage: Sign | undefined;
  readonly signIndex: Sign;
  /** Directory with the image; `undefined` if only signatures are renewed. */
  readonly image: string | undefined;
  /** For a registry: the layer with the command of the container image. */
  readonly upgrader?: Upgrader | undefined;
  /** Seconds since 1970. */
  readonly now: number;
  /** Seconds until the index expires. */
  readonly expiresIn: number;
  readonly notes?: string | undefined;
  readonly minFrom?: string | undefined;
  /** A new list of revoked keys. That of the target stays if not given. */
  readonly revoked?: RevokedKeys | undefined;
  /** Shows the progress of some work. */
  show<T>(work: (progress: Progress) => Promise<T>): Promise<T>;
}

/**
 * Publishes an image in a channel: the image, then the index that names it, both signed. Without an image, all
 * signatures are made anew, and the index holds for longer. Returns the index.
 */
export async function publish(options: PublishOptions): Promise<ChannelIndex> {
  const { target, channel, image, signIndex, now, expiresIn } = options;
  const before = await target.readIndex(channel);
  const known = before === undefined ? undefined : parseIndex(before, `the index of ${channel} in ${target.shown}`);
  if (known === undefined && image === undefined) {
    throw new K3osError("usage", `There is no channel ${channel} in ${target.shown} that could be renewed.`, {
      hint: "Publish an image first.",
    });
  }
  const found = image === undefined ? undefined : await readRelease(image, options);
  const release = found?.release;
  const revoked = options.revoked ?? (await target.readRevoked(channel));
  const others = (known?.releases ?? []).filter(({ digest }) => digest !== release?.digest);
  const index: ChannelIndex = {
    ...{ format: 1, channel, version: (known?.version ?? 0) + 1, expires: isoTime(now + expiresIn) },
    ...(revoked !== undefined && { revoked: createHash("sha256").update(revoked.list).digest("hex") }),
    releases: [...others, ...(release === undefined ? [] : [release])].sort((a, b) =>
      compareVersions(a.version, b.version),
    ),
    latest: release?.version ?? known?.latest ?? "",
  };
  const text = formatIndex(index);
  // Before anything is put there: nodes refuse an index as a whole.
  parseIndex(text, "what would be published");
  if (found !== undefined) await publishImage(found, options);
  else await renewImages(known?.releases ?? [], options);
  const content = Buffer.from(text);
  const signature = await signIndex("channel", content, `${channel}.json`);
  await target.putChannel(channel, { index: content, signature, revoked });
  return index;
}

interface Found extends Awaited<ReturnType<typeof readImage>> {
  readonly directory: string;
  readonly release: Release;
}

async function readRelease(directory: string, { notes, minFrom }: PublishOptions): Promise<Found> {
  const image = await readImage(directory);
  const { json, content } = image;
  const release: Release = {
    ...{ version: json.version, digest: `sha256:${createHash("sha256").update(content).digest("hex")}` },
    architecture: json.architecture,
    // Images of before there were flavours tell none.
    ...(json.flavour !== undefined && { flavour: json.flavour }),
    kubernetes: json.kubernetes.version ?? json.kubernetes.source,
    ...(minFrom !== undefined && { minFrom }),
    ...(notes !== undefined && { notes }),
  };
  return { ...image, directory, release };
}

async function publishImage({ directory, release, json, content, files }: Found, options: PublishOptions) {
  const { target, signImage, upgrader } = options;
  if (signImage === undefined) throw new K3osError("usage", "An image is signed when it is published: name a --key.");
  const signature = await signImage("image", content, "image.json");
  // Not around the signing, which may ask for a passphrase.
  await options.show((progress) => target.putImage(release, { directory, files, signature, json, upgrader }, progress));
}

/** Signs the images of the channel that are still there: a certificate may expire before nobody wants them any more. */
async function renewImages(releases: readonly Release[], { target, signImage }: PublishOptions): Promise<void> {
  if (signImage === undefined) return;
  for (const release of releases) {
    const content = await target.readImage(release);
    if (content !== undefined) await target.putSignature(release, await signImage("image", content, "image.json"));
  }
}

const hint = "`./k3os build --format dir -o DIRECTORY` makes one.";

/** What the image in a directory says of itself. Throws if there is none. */
export function describedIn(directory: string): { readonly json: ImageJson; readonly content: Buffer } {
  try {
    const content = readFileSync(join(directory, "image.json"));
    return { json: JSON.parse(content.toString("utf8")), content };
  } catch (cause) {
    throw new K3osError("host", `${directory} is no directory with an image.`, { hint, cause });
  }
}

/** Reads the image in a directory, and checks that it is whole. */
async function readImage(
  directory: string,
): Promise<{ readonly json: ImageJson; readonly content: Uint8Array; readonly files: ImageFiles["files"] }> {
  const { json, content } = describedIn(directory);
  const files = [];
  for (const name of IMAGE_FILES) {
    if (name === "image.json") continue;
    const expected = json.files?.[name];
    const path = join(directory, name);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (expected === undefined || size !== expected.size || (await sha256File(path)) !== expected.sha256) {
      throw new K3osError("integrity", `${path} is not the file that image.json beside it describes.`, { hint });
    }
    files.push({ name, ...expected });
  }
  const own = { name: "image.json", sha256: createHash("sha256").update(content).digest("hex"), size: content.length };
  return { json, content, files: [...files, own] };
}
