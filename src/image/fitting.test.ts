import { expect, it } from "vitest";
import {
  fittingImages,
  flavoursFor,
  type ImageKind,
  isFor,
  kindTitle,
  lastOfEachKind,
  withoutOnlyFlavours,
} from "./fitting.ts";

/** `amd64/metal=2` is the second image of that kind, `amd64` one that tells no flavour. */
const imageOf = (text: string): ImageKind & { readonly text: string } => {
  const [, architecture, flavour] = /^(\w+)(?:\/(\w+))?/.exec(text) ?? [];
  return { text, architecture: architecture as "amd64", ...(flavour !== undefined && { flavour }) };
};
const imagesOf = (text: string) => text.split(" ").map(imageOf);

it.each([
  // of one processor, without flavours: as before there were any
  ["amd64 arm64", "amd64/metal", "amd64"],
  ["amd64 arm64", "amd64", "amd64"],
  ["amd64", "arm64/rpi", ""],
  // all of one flavour: nobody has to choose
  ["amd64/metal", "amd64/metal", "amd64/metal"],
  ["amd64/metal", "amd64/cloud", "amd64/metal"],
  ["amd64/metal", "amd64", "amd64/metal"],
  ["amd64/metal=1 amd64/metal=2", "amd64/cloud", "amd64/metal=1 amd64/metal=2"],
  // another processor's flavours do not count
  ["amd64/metal arm64/rpi arm64/cloud", "amd64/cloud", "amd64/metal"],
  ["amd64/metal amd64/cloud arm64/rpi", "arm64/metal", "arm64/rpi"],
  // several: the node's own
  ["amd64/cloud amd64/metal", "amd64/cloud", "amd64/cloud"],
  ["amd64/cloud amd64/metal", "amd64/metal", "amd64/metal"],
  ["amd64/metal=1 amd64/cloud amd64/metal=2", "amd64/metal", "amd64/metal=1 amd64/metal=2"],
  ["arm64/metal amd64/metal arm64/rpi", "arm64/rpi", "arm64/rpi"],
  // several, and none of them is the node's
  ["amd64/cloud amd64/metal", "amd64/mine", ""],
  ["amd64/cloud amd64/metal", "amd64", ""],
  // images from before flavours are for everybody, whatever came after them
  ["amd64 amd64/metal", "amd64/cloud", "amd64 amd64/metal"],
  ["amd64 amd64/cloud amd64/metal", "amd64/metal", "amd64 amd64/metal"],
  ["amd64 amd64/cloud amd64/metal", "amd64/mine", "amd64"],
])("of %s, %s takes: %s", (images, node, want) => {
  expect(
    fittingImages(imagesOf(images), imageOf(node))
      .map(({ text }) => text)
      .join(" "),
  ).toBe(want);
  const single = withoutOnlyFlavours(imagesOf(images)).filter((image) => isFor(image, imageOf(node)));
  expect(single.map(({ text }) => text).join(" ")).toBe(want);
});

it("tells the flavours for a processor", () => {
  const images = imagesOf("amd64/metal amd64 arm64/rpi amd64/cloud amd64/metal");
  expect(flavoursFor(images, imageOf("amd64/mine"))).toEqual(["cloud", "metal"]);
  expect(flavoursFor(images, imageOf("arm64"))).toEqual(["rpi"]);
});

it("tells the last image of each kind", () => {
  const images = imagesOf("amd64/metal=1 amd64 amd64/metal=2 arm64/metal=1");
  expect(lastOfEachKind(images).map(({ text }) => text)).toEqual(["amd64", "amd64/metal=2", "arm64/metal=1"]);
  expect(images.map(kindTitle)).toEqual(["amd64 metal", "amd64", "amd64 metal", "arm64 metal"]);
});
