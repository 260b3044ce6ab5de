/** Which of several images are for a node: by its processor and its flavour. Pure. */

/** The machines that an image is for. */
export interface ImageKind {
  readonly architecture: string;
  /** A row of `os/flavours.yaml`, or one of the user's. Older images and indexes do not tell theirs. */
  readonly flavour?: string | undefined;
}

/** The name of a flavour. */
export const FLAVOUR = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * The images that a node of this kind may take, in their order: those for its processor of its flavour, and those that
 * tell no flavour. Where all of its processor are of one flavour, nobody has to choose, and these are for every node.
 */
export function fittingImages<T extends ImageKind>(images: readonly T[], node: ImageKind): readonly T[] {
  const { architecture } = node;
  const flavours = flavoursFor(images, node);
  const flavour = flavours.length === 1 ? flavours[0] : node.flavour;
  return images.filter((image) => isFor(image, { architecture, flavour }));
}

/** Whether an image is for a node of this kind: for its processor, and of its flavour or of none. */
export function isFor(image: ImageKind, { architecture, flavour }: ImageKind): boolean {
  return image.architecture === architecture && (image.flavour === undefined || image.flavour === flavour);
}

/**
 * The images, without the flavour where all of their processor are of one: `isFor` then says of each, by itself, what
 * `fittingImages` says of all together.
 */
export function withoutOnlyFlavours<T extends ImageKind>(images: readonly T[]): readonly T[] {
  return images.map((image) => (flavoursFor(images, image).length === 1 ? { ...image, flavour: undefined } : image));
}

/** The flavours of the images for the node's processor, sorted. */
export function flavoursFor(images: readonly ImageKind[], { architecture }: ImageKind): readonly string[] {
  const told = images.flatMap((image) =>
    image.architecture === architecture && image.flavour !== undefined ? [image.flavour] : [],
  );
  return [...new Set(told)].sort();
}

/** The last image of each kind, in their order: of several builds of a version, it counts. */
export function lastOfEachKind<T extends ImageKind>(images: readonly T[]): readonly T[] {
  const kinds = images.map(kindTitle);
  return images.filter((image, index) => kinds.lastIndexOf(kindTitle(image)) === index);
}

/** A kind for people: `amd64 metal`. */
export function kindTitle({ architecture, flavour }: ImageKind): string {
  return flavour === undefined ? architecture : `${architecture} ${flavour}`;
}
