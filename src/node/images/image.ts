import type { ImageJson } from "../../image/image-json.ts";

/** An image in the file system. Each file was checked against its sum in `image.json`. */
export interface SourceImage {
  /** Holds `IMAGE_FILES`. */
  readonly directory: string;
  readonly json: ImageJson;
  /** The sha256 of the bytes of its `image.json`, which names it: `sha256:…`. */
  readonly digest: string;
  /** The fingerprint of the key that signed it, if a signature was looked at: `SHA256:…`. */
  readonly signer?: string | undefined;
  /** Bytes of the files that `image.json` lists. */
  readonly size: number;
  /** Whether its files were fetched onto the file system of the slots, where nobody else writes them. */
  readonly fetchedForSlots?: boolean;
}

/** What is known of an image before its files are fetched or read. */
export type DescribedImage = Pick<SourceImage, "json" | "digest">;
export type OnDescribed = (image: DescribedImage) => void;
/** Makes room for the `bytes` of an image that are still to be fetched. Throws if there is none. */
export type RoomFor = (bytes: number) => Promise<void>;
