/** The index of a channel: which images there are, and which is the latest. A signed file on any web server. */
import { K3osError } from "../errors.ts";
import { ARCHITECTURES, type ArchitectureName } from "./architecture.ts";
import { FLAVOUR, fittingImages, flavoursFor, type ImageKind, lastOfEachKind, withoutOnlyFlavours } from "./fitting.ts";
import { compareVersions } from "./version.ts";

export interface ChannelIndex {
  readonly format: 1;
  readonly channel: string;
  /** Grows with every index of the channel: a node takes no lower one than it has seen. */
  readonly version: number;
  /** When a node stops to believe it: UTC, such as `2026-12-06T00:00:00Z`. */
  readonly expires: string;
  /** The sha256 of the list of revoked keys beside it, if there is one: it cannot be withheld. */
  readonly revoked?: string;
  readonly releases: readonly Release[];
  /** The version that nodes should have. */
  readonly latest: string;
}

export interface Release {
  readonly version: string;
  /** The sha256 of its `image.json`, which has the sums of all other files: `sha256:…`. */
  readonly digest: string;
  readonly architecture: ArchitectureName;
  /** Not in indexes from before a channel could have several: such an image is for every node of its processor. */
  readonly flavour?: string;
  /** The version of Kubernetes in it. */
  readonly kubernetes: string;
  /** The oldest version that may be replaced by it. */
  readonly minFrom?: string;
  /** For people: what is new. */
  readonly notes?: string;
}

export type ChannelReason =
  /** It is no index, or one of another channel. */
  | "ChannelInvalid"
  /** It has expired, or the clock is wrong. */
  | "ChannelStale"
  /** The node has seen a newer one by the same signer. */
  | "ChannelRollback"
  /** It has no such image for this processor, or of this flavour. */
  | "NoRelease"
  /** The image is older than the one that runs. */
  | "Downgrade"
  /** The node is too old for the image. */
  | "TooOld";

/** Why a channel gives no image. */
export class ChannelError extends K3osError {
  readonly reason: ChannelReason;

  constructor(reason: ChannelReason, message: string, hint: string) {
    super(reason === "Downgrade" || reason === "TooOld" || reason === "NoRelease" ? "host" : "integrity", message, {
      hint,
    });
    this.name = "ChannelError";
    this.reason = reason;
  }
}

export const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `<version>-<digest8>`: the directory of an image on a node, in what is published, and its tag in a registry. */
export function imageName({ version, digest }: Pick<Release, "version" | "digest">): string {
  return `${version}-${digest.replace(/^sha256:/, "").slice(0, 8)}`;
}

/** Where things lie below a source that is a directory, on a web server or not. */
export const CHANNELS = "channels";
export const channelPath = (channel: string) => `${CHANNELS}/${channel}.json`;
export const imagePath = (release: Pick<Release, "version" | "digest">) => `images/${imageName(release)}`;
export const REVOKED_PATH = "revoked.krl";

/** The same in a registry, as tags. `+` may be in a version, but not in a tag. */
export const channelTag = (channel: string) => `channel-${channel}`;
export const imageTag = (release: Pick<Release, "version" | "digest">) => imageName(release).replaceAll("+", "_");

/** How long the notes of a release may be. */
export const NOTES = 2000;
const NOTES_TEXT = new RegExp(`^[^\\0]{0,${NOTES}}$`);

export function formatIndex(index: ChannelIndex): string {
  return `${JSON.stringify(index, null, 1)}\n`;
}

/** Of an image, or of Kubernetes in it. */
export const VERSION = /^\w[\w.+~-]{0,99}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * Reads an index. `place` is what messages call it. Keys that this version does not know are left out. Throws
 * `ChannelInvalid`.
 */
export function parseIndex(text: string, place: string): ChannelIndex {
  const refuse = (what: string): never => {
    const hint = "`./k3os publish` writes it. A newer k3OS may know more than this one.";
    throw new ChannelError("ChannelInvalid", `${place} is no index of a channel: ${what}`, hint);
  };
  const textAt = (path: string, value: unknown, pattern: RegExp): string =>
    typeof value === "string" && pattern.test(value) ? value : refuse(`${path} is ${shown(value)}`);
  const optional = <Key extends string>(path: string, key: Key, value: unknown, pattern: RegExp) =>
    value === undefined ? {} : ({ [key]: textAt(path, value, pattern) } as { [K in Key]: string });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    refuse("it is no JSON");
  }
  const { format, channel, version, expires, revoked, releases, latest } = fieldsOf(found) ?? refuse("it is no object");
  if (format !== 1) refuse(`its format is ${shown(format)}, and 1 is known`);
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) {
    return refuse(`version is ${shown(version)}`);
  }
  if (!Array.isArray(releases)) return refuse("releases is no list");
  return {
    format: 1,
    channel: textAt("channel", channel, /^[a-z0-9][a-z0-9.-]{0,62}$/),
    version,
    expires: Number.isNaN(Date.parse(textAt("expires", expires, TIME)))
      ? refuse(`expires is ${shown(expires)}`)
      : String(expires),
    ...optional("revoked", "revoked", revoked, /^[0-9a-f]{64}$/),
    // One entry that is wrong, or of a processor that is not known here, does not cost the others.
    releases: releases.flatMap((entry: unknown, index) => {
      const fields = fieldsOf(entry) ?? refuse(`releases[${index}] is no object`);
      const { architecture } = fields;
      if (typeof architecture !== "string" || !Object.hasOwn(ARCHITECTURES, architecture)) return [];
      const at = (key: string) => `releases[${index}].${key}`;
      return {
        version: textAt(at("version"), fields.version, VERSION),
        digest: textAt(at("digest"), fields.digest, DIGEST),
        architecture: architecture as ArchitectureName,
        ...optional(at("flavour"), "flavour", fields.flavour, FLAVOUR),
        kubernetes: textAt(at("kubernetes"), fields.kubernetes, VERSION),
        ...optional(at("minFrom"), "minFrom", fields.minFrom, VERSION),
        ...optional(at("notes"), "notes", fields.notes, NOTES_TEXT),
      };
    }),
    latest: textAt("latest", latest, VERSION),
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 60);
}

/** The highest versions that a node has seen: by channel, then by signer. */
export type SeenVersions = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface IndexRules {
  /** The channel that was asked for. */
  readonly channel: string;
  /** Seconds since 1970. */
  readonly now: number;
  /** The fingerprint of the key that signed it; empty for an index without a signature. */
  readonly signer: string;
  readonly seen: SeenVersions;
}

/**
 * Checks that the index is the one that was asked for, still holds, and is no older than what the node has seen by the
 * same signer. Returns what has been seen from now on. A new signer starts anew: a stolen key cannot raise the number
 * for ever.
 */
export function checkIndex(index: ChannelIndex, { channel, now, signer, seen }: IndexRules): SeenVersions {
  if (index.channel !== channel) {
    const hint = "Somebody has put it in the wrong place. `./k3os publish` writes each where it belongs.";
    throw new ChannelError("ChannelInvalid", `the index of ${channel} is one of ${index.channel}`, hint);
  }
  if (now * 1000 >= Date.parse(index.expires)) {
    const message = `the index of ${channel} has expired on ${index.expires}, and here it is ${isoTime(now)}`;
    throw new ChannelError("ChannelStale", message, "Publish it anew, or set the clock if it is wrong.");
  }
  const highest = seen[channel]?.[signer] ?? 0;
  if (index.version < highest) {
    const message = `the index of ${channel} has version ${index.version}, and this node has seen ${highest}`;
    const hint = "An older index was put in place of a newer one. Publish anew from where it was last published.";
    throw new ChannelError("ChannelRollback", message, hint);
  }
  return { ...seen, [channel]: { ...seen[channel], [signer]: index.version } };
}

/** UTC, to the second. */
export function isoTime(seconds: number): string {
  return new Date(Math.floor(seconds) * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

export interface ReleaseRules {
  /** The machines that the image of the node is for. */
  readonly kind: ImageKind;
  /** A version, instead of the latest. */
  readonly version?: string | undefined;
  /** What runs; if not given, whether a node may have the image is not asked. */
  readonly running: string | undefined;
  readonly allowDowngrade?: boolean | undefined;
}

/** The image that a node should have. Throws why there is none that it may take. */
export function chooseRelease(index: ChannelIndex, rules: ReleaseRules): Release {
  const { kind, running, version = index.latest } = rules;
  const fitting = fittingImages(index.releases, kind);
  // Of several builds of one version, the last one counts.
  const release = fitting.filter((one) => one.version === version).at(-1);
  if (release === undefined) throw noRelease(index, kind, version, fitting);
  if (running === undefined) return release;
  if (compareVersions(release.version, running) < 0 && rules.allowDowngrade !== true) {
    const message = `k3OS ${release.version} of the channel ${index.channel} is older than ${running}, which runs`;
    throw new ChannelError("Downgrade", message, "--allow-downgrade takes it all the same.");
  }
  if (release.minFrom !== undefined && compareVersions(running, release.minFrom) < 0) {
    const message = `k3OS ${release.version} replaces ${release.minFrom} or newer, and ${running} runs`;
    throw new ChannelError("TooOld", message, `Upgrade to ${release.minFrom} first.`);
  }
  return release;
}

/** An image of a channel, and for whom it is: without `flavour` for every node of its processor. */
export type KindImage = ImageKind & Pick<Release, "version" | "digest" | "kubernetes">;

/**
 * The images of a version, the latest if none is given: the last build for each kind of nodes. Whether a flavour is the
 * only one is decided by the whole index, as `chooseRelease` does. Throws if there is none.
 */
export function imagesOfVersion(index: ChannelIndex, version = index.latest): readonly KindImage[] {
  const { channel, releases } = index;
  const kinds: readonly KindImage[] = withoutOnlyFlavours<KindImage>(releases);
  const images = lastOfEachKind(kinds.filter((one) => one.version === version));
  if (images.length > 0) return images;
  const there = [...new Set(releases.map((one) => one.version))].join(", ") || "none";
  throw new ChannelError("NoRelease", `the channel ${channel} has no k3OS ${version}`, `It has: ${there}.`);
}

/** Kinds of nodes that the channel has images for, but none of the latest version. */
export function kindsWithoutLatest({ releases, latest }: ChannelIndex): readonly ImageKind[] {
  return lastOfEachKind(releases).filter(
    (kind) =>
      (kind.flavour !== undefined || flavoursFor(releases, kind).length === 0) &&
      !fittingImages(releases, kind).some(({ version }) => version === latest),
  );
}

/**
 * Kinds whose images all nodes of the processor take since the latest version: they are of its only flavour. The images
 * before them told none, so that nodes of other flavours may run these.
 */
export function kindsForAllSinceLatest({ releases, latest }: ChannelIndex): readonly ImageKind[] {
  return lastOfEachKind(releases).filter((kind) => {
    const same = releases.filter(({ architecture }) => architecture === kind.architecture);
    const told = same.filter(({ flavour }) => flavour !== undefined);
    return (
      kind.flavour !== undefined &&
      flavoursFor(releases, kind).length === 1 &&
      told.length < same.length &&
      told.every(({ version }) => version === latest)
    );
  });
}

function noRelease(
  { channel, releases }: ChannelIndex,
  kind: ImageKind,
  version: string,
  fitting: readonly Release[],
): ChannelError {
  const { architecture, flavour } = kind;
  const flavours = flavoursFor(releases, kind);
  const there = [...new Set(fitting.map((one) => one.version))].join(", ") || "none";
  if (flavours.length < 2) {
    const message = `the channel ${channel} has no k3OS ${version} for ${architecture}`;
    return new ChannelError("NoRelease", message, `For ${architecture} it has: ${there}.`);
  }
  if (flavour !== undefined && flavours.includes(flavour)) {
    const message = `the channel ${channel} has no k3OS ${version} for ${architecture} of the flavour ${flavour}`;
    const hint = `For these it has: ${there}. ${publishOf(kind)} adds the image.`;
    return new ChannelError("NoRelease", message, hint);
  }
  const own = flavour === undefined ? "this node's image tells no flavour" : `this node is of the flavour ${flavour}`;
  const theirs = `of the flavours ${flavours.join(", ")}`;
  const message = `the channel ${channel} has k3OS for ${architecture} ${theirs}, and ${own}`;
  const publish = flavour === undefined ? "" : `Publish one of it: ${publishOf(kind)}. Or give `;
  const hint = `${publish || "Give "}the node one of these by its place: sudo k3os upgrade PLACE`;
  return new ChannelError("NoRelease", message, hint);
}

/** The command that publishes an image of a kind. */
function publishOf({ architecture, flavour }: ImageKind): string {
  return `./k3os publish TARGET --key FILE --arch ${architecture} --flavour ${flavour}`;
}
