/** Which image a pool wants on a node. Pure. */
import { type ImageKind, isFor } from "../image/fitting.ts";
import type { KindImage } from "../image/index-json.ts";
import type { MachinePool, MachinePoolStatus } from "../kubernetes/machine-pool.ts";

type Target = NonNullable<MachinePoolStatus["target"]>;

/** The image that a pool wants on a node of this kind; `undefined` if none is known, or none is for such a node. */
export function targetFor({ status }: MachinePool, kind: ImageKind): Pick<Target, "version" | "digest"> | undefined {
  const { target } = status ?? {};
  if (target === undefined) return undefined;
  const { version, images } = target;
  // An older agent has written no `images` where there was one image only.
  const { digest } = (images === undefined ? target : images.filter((image) => isFor(image, kind)).at(-1)) ?? {};
  return digest === undefined ? undefined : { version, digest };
}

/**
 * The target that the images of a version make up, as an agent on a node of this `kind` writes it. It keeps the digest
 * that it had `before` if one of them has it, so that agents of different kinds do not change it in turns.
 */
export function targetOf(
  images: readonly KindImage[],
  kind: ImageKind,
  before: string | undefined,
): Omit<Target, "resolvedAt"> {
  const own = images.filter((image) => isFor(image, kind)).at(-1);
  const main = images.find(({ digest }) => digest === before) ?? own ?? images.at(-1);
  if (main === undefined) throw new RangeError("a target needs an image");
  const { version, digest, kubernetes } = main;
  const all = images.map(({ architecture, flavour, digest }) => ({
    ...{ architecture, digest },
    ...(flavour !== undefined && { flavour }),
  }));
  return { version, digest, images: all, kubernetes };
}

/** The digests of all images that a target stands for. */
export function digestsOf({ digest, images = [] }: Target): readonly string[] {
  return [digest, ...images.map((image) => image.digest)];
}
