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
}

/** Receives what an image is, before its files are fetched or read. */
export type OnDescribed = (image: Pick<SourceImage, "json" | "digest">) => void;
export type RoomFor = (image: Pick<SourceImage, "json" | "digest">, bytes: number) => Promise<void>;
