import type { ImageJson } from "../../image/image-json.ts";

/** An image in the file system. Each file was checked against its sum in `image.json`. */
export interface SourceImage {
  /** Holds `IMAGE_FILES`. */
  readonly directory: string;
  readonly json: ImageJson;
  /** sha256 of the bytes of `image.json`, in hexadecimal digits: the identity of the image. */
  readonly digest: string;
  /** Bytes of the files that `image.json` lists. */
  readonly size: number;
}
