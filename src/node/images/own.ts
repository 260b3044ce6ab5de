import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import type { ImageKind } from "../../image/fitting.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { OWN_ARCHITECTURE } from "../architecture.ts";
import { IMAGE_JSON } from "../places.ts";

/** What the image that runs says of itself. */
export function ownImage(host: Host): Partial<ImageJson> {
  return JSON.parse(readTextIf(host, IMAGE_JSON) ?? "{}") as Partial<ImageJson>;
}

/** The machines that the image which runs is for: this node takes images of the same kind. */
export function ownKind(host: Host): ImageKind {
  return kindOfOwn(ownImage(host));
}

/** `ownKind`, where it is known what the image says of itself. */
export function kindOfOwn({ flavour }: Pick<Partial<ImageJson>, "flavour">): ImageKind {
  return { architecture: OWN_ARCHITECTURE, ...(flavour !== undefined && { flavour }) };
}
