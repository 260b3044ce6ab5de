import type { Upgrader } from "../../build/upgrader.ts";
import type { ImageJson } from "../../image/image-json.ts";
import type { Release } from "../../image/index-json.ts";
import type { Progress } from "../../progress.ts";

/** Where images and channels are published: a directory, or a repository in a registry. */
export interface Target {
  /** How messages call it. */
  readonly shown: string;
  /** Whether an image becomes a container image there, which needs the layer with its command. */
  readonly isRegistry: boolean;
  /** Whether one can write there. Throws why not, before anything is built or signed. */
  check(): Promise<void>;
  /** The index of a channel; `undefined` if there is none yet. */
  readIndex(channel: string): Promise<string | undefined>;
  /** `image.json` of a published image; `undefined` if it is not there. */
  readImage(release: Release): Promise<Uint8Array | undefined>;
  /** The list of revoked keys and its signature; `undefined` if there is none. */
  readRevoked(channel: string): Promise<RevokedKeys | undefined>;
  /** Channels beside this one that have the same list of revoked keys. */
  otherChannels(channel: string): Promise<readonly string[]>;
  /** Puts the files of an image in place, and its signature. What is there already is not sent again. */
  putImage(release: Release, image: ImageFiles, progress: Progress): Promise<void>;
  /** Replaces the signature of a published image. */
  putSignature(release: Release, signature: Uint8Array): Promise<void>;
  /** Replaces a channel. Comes last: before that, nobody sees what is new. */
  putChannel(channel: string, files: ChannelFiles): Promise<void>;
}

export interface ImageFiles {
  /** Holds the files of the image. */
  readonly directory: string;
  /** Their sums and sizes, as `image.json` says, and of that itself. */
  readonly files: readonly { readonly name: string; readonly sha256: string; readonly size: number }[];
  readonly signature: Uint8Array;
  readonly json: Pick<ImageJson, "version" | "architecture" | "time">;
  /** Given for a registry. */
  readonly upgrader?: Upgrader | undefined;
}

export interface RevokedKeys {
  readonly list: Uint8Array;
  readonly signature: Uint8Array;
}

export interface ChannelFiles {
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
  readonly revoked: RevokedKeys | undefined;
}
