import { withoutUserInfo } from "../../config/secrets.ts";
import { K3osError } from "../../errors.ts";
import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import {
  type ChannelIndex,
  channelPath,
  channelTag,
  checkIndex,
  chooseRelease,
  imagePath,
  imagesOfVersion,
  imageTag,
  type KindImage,
  parseIndex,
  REVOKED_PATH,
  type Release,
  type SeenVersions,
} from "../../image/index-json.ts";
import { isNewerKrl } from "../../image/krl.ts";
import { isReference } from "../../image/oci.ts";
import { type Purpose, signatureOf } from "../../image/signing.ts";
import { inStep, type Progress } from "../../progress.ts";
import { fetchIfThere, isUrl } from "../fetch-file.ts";
import { ownKind } from "./own.ts";
import { sha256Of } from "./parts.ts";
import type { Registries } from "./registry.ts";
import { nothingAt, openRemote } from "./remote.ts";
import { verifySignature } from "./signature.ts";
import { CHANNEL_MEMORY, requireTrust, revokedIn, type Trust } from "./trust.ts";

export interface ChannelOptions {
  /** The version of the image that runs; if not given, whether a node may have the image is not asked. */
  readonly running: string | undefined;
  /** A version, instead of the latest one. */
  readonly version?: string | undefined;
  readonly allowDowngrade?: boolean | undefined;
  readonly trust: Trust;
  readonly registries?: Registries | undefined;
  /** A directory for small files. Made if it is missing, for root only. */
  readonly work: string;
  /** Where it is kept what this node has seen of channels; `CHANNEL_MEMORY` if not given. */
  readonly memory?: string;
  readonly progress: Progress;
}

/** The image that a channel gives to this node. */
export interface ChosenImage {
  /** What `openImage` opens, with `digest` and `trust`. */
  readonly place: string;
  /** `sha256:…`: what its `image.json` must be. */
  readonly digest: string;
  readonly release: Release;
  /** The fingerprint of the key that signed the index; `undefined` if nobody did. */
  readonly signer: string | undefined;
  /** Whom to trust from here on: with the keys that were revoked in the meantime. */
  readonly trust: Trust;
}

/**
 * Asks a channel of `source` (`k3os.upgrade.source`) for the image that this node should have. Throws `ChannelError`
 * with a reason, or `integrity`, `network`.
 */
export async function resolveChannel(
  host: Host,
  source: string,
  channel: string,
  options: ChannelOptions,
): Promise<ChosenImage> {
  const { index, signer, trust } = await readIndex(host, source, channel, options);
  const { running, version, allowDowngrade } = options;
  const release = chooseRelease(index, { kind: ownKind(host), running, version, allowDowngrade });
  return { place: placeOf(source, release), digest: release.digest, release, signer, trust };
}

/** Asks a channel, likewise, for the images of a version for all kinds of nodes, whether or not for this one. */
export async function imagesInChannel(
  host: Host,
  source: string,
  channel: string,
  options: Omit<ChannelOptions, "running" | "allowDowngrade">,
): Promise<readonly KindImage[]> {
  const { index } = await readIndex(host, source, channel, options);
  return imagesOfVersion(index, options.version);
}

type AskOptions = Omit<ChannelOptions, "running" | "version" | "allowDowngrade">;

/**
 * Fetches an index. It must be signed, must hold, and must not be older than what this node has seen; that it was seen
 * is remembered.
 */
async function readIndex(
  host: Host,
  source: string,
  channel: string,
  options: AskOptions,
): Promise<{ readonly index: ChannelIndex } & Pick<ChosenImage, "signer" | "trust">> {
  requireTrust(options.trust);
  const { work, progress, memory = CHANNEL_MEMORY } = options;
  host.mkdir(work, { mode: 0o700 });
  return inStep(progress, `Ask the channel ${channel} of ${withoutUserInfo(source)}`, async () => {
    const shelf = await openShelf(host, source, channel, options);
    const trust = await learnRevoked(host, shelf, options);
    const file = `${work}/channel.json`;
    const path = channelPath(channel);
    if (!(await shelf.take(path, file))) throw nothingAt(shelf.shown(path));
    const signer = await takeSignature(host, shelf, path, file, "channel", trust, work);
    const index = parseIndex(host.readText(file), shelf.shown(path));
    const now = Math.max(host.now() / 1000, trust.notBefore ?? 0);
    const seen = checkIndex(index, { channel, now, signer: signer ?? "", seen: seenVersions(host, memory) });
    // A list that the source does not have is not asked for by one that nobody signs.
    if (signer !== undefined) await checkRevoked(host, trust, index.revoked, shelf, work);
    remember(host, seen, memory);
    return { index, signer, trust };
  });
}

function placeOf(source: string, release: Release): string {
  if (isReference(source)) return `${source}:${imageTag(release)}`;
  const [, path = "", query = ""] = /^([^?#]*)(.*)$/.exec(source) ?? [];
  return `${path.replace(/\/+$/, "")}/${imagePath(release)}${query}`;
}

/** The small files of a source, by their paths in a directory. */
interface Shelf {
  shown(path: string): string;
  /** Puts a file into `target`; returns whether there is one. Nothing is at `target` if not. */
  take(path: string, target: string): Promise<boolean>;
}

async function openShelf(
  host: Host,
  source: string,
  channel: string,
  { registries, work }: AskOptions,
): Promise<Shelf> {
  if (!isUrl(source) && !isReference(source)) {
    const shown = (path: string) => `${source.replace(/^file:\/\//, "").replace(/\/+$/, "")}/${path}`;
    const take = async (path: string, target: string) => {
      host.remove(target);
      if (host.stat(shown(path)) === undefined) return false;
      await run(host, ["cp", shown(path), target]);
      return true;
    };
    return { shown, take };
  }
  const place = isReference(source) ? `${source}:${channelTag(channel)}` : source;
  const remote = await openRemote(host, place, registries, work);
  if (remote === undefined) throw nothingAt(place);
  // An artefact has files and no directories.
  const nameOf = (path: string) => (isReference(source) ? path.slice(path.lastIndexOf("/") + 1) : path);
  return {
    shown: (path) => remote.shown(nameOf(path)),
    async take(path, target) {
      host.remove(target);
      const download = await remote.file(nameOf(path));
      return download !== undefined && (await fetchIfThere(host, download, target));
    },
  };
}

/** Fetches the signature of a file that was fetched, and checks it. Returns what `verifySignature` returns. */
async function takeSignature(
  host: Host,
  shelf: Shelf,
  path: string,
  file: string,
  purpose: Purpose,
  trust: Trust,
  work: string,
): Promise<string | undefined> {
  const check = async () => {
    await shelf.take(signatureOf(path), signatureOf(file));
    return verifySignature(host, file, purpose, trust, work, shelf.shown(path));
  };
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof K3osError) || !error.message.includes("incorrect signature")) throw error;
    // Somebody may be publishing right now: the file was the old one and the signature is the new one, or the reverse.
    await host.sleep(1000);
    await shelf.take(path, file);
    return check();
  }
}

/**
 * Takes over the list of revoked keys, if the source has a newer one than this node: signed by a key that is trusted
 * itself. An older one is left alone, because it may have been put there to make a key count again.
 */
async function learnRevoked(host: Host, shelf: Shelf, options: AskOptions): Promise<Trust> {
  const { trust, work, memory = CHANNEL_MEMORY } = options;
  const [file, kept] = [`${work}/${REVOKED_PATH}`, revokedIn(memory)];
  if (trust.signers === "" || !(await shelf.take(REVOKED_PATH, file))) return trust;
  // A list is signed whatever the config says of images.
  await takeSignature(host, shelf, REVOKED_PATH, file, "revocation", { ...trust, unsigned: false }, work);
  const found = host.read(file);
  if (host.stat(kept) === undefined || isNewerKrl(found, host.read(kept))) {
    host.mkdir(memory, { mode: 0o700 });
    host.write(kept, found, { mode: 0o600 });
  }
  return { ...trust, revoked: kept };
}

/** The index says which list belongs to it, so that nobody can take the list away. */
async function checkRevoked(
  host: Host,
  { revoked }: Trust,
  wanted: string | undefined,
  shelf: Shelf,
  work: string,
): Promise<void> {
  if (wanted === undefined) return;
  // That of the source, or the same one from before.
  const lists = [`${work}/${REVOKED_PATH}`, revoked].filter((path) => path !== undefined);
  for (const path of lists) {
    if (host.stat(path) !== undefined && (await sha256Of(host, path)) === wanted) return;
  }
  const message = `the list of revoked keys that the index names is not there: ${shelf.shown(REVOKED_PATH)}`;
  throw new K3osError("integrity", message, {
    hint: "Publish again from where the list is, so that both belong together.",
  });
}

/** Remembers by which versions of indexes this node has gone. */
const seenFile = (memory: string) => `${memory}/channels.json`;

function seenVersions(host: Host, memory: string): SeenVersions {
  try {
    return JSON.parse(readTextIf(host, seenFile(memory)) ?? "{}") as SeenVersions;
  } catch {
    // Damaged: what has been seen is not known any more. The index still has to be signed, and to hold.
    return {};
  }
}

function remember(host: Host, seen: SeenVersions, memory: string): void {
  const text = `${JSON.stringify(seen)}\n`;
  if (readTextIf(host, seenFile(memory)) === text) return;
  host.mkdir(memory, { mode: 0o700 });
  host.write(seenFile(memory), text, { mode: 0o600 });
}
