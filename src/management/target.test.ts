import { describe, expect, it } from "vitest";
import type { ImageKind } from "../image/fitting.ts";
import { type ChannelIndex, imagesOfVersion } from "../image/index-json.ts";
import { targetFor, targetOf } from "./target.ts";
import { digestOf, NOON, poolOf } from "./testing.ts";

/** The images of version 2.0 in a channel; `amd64/metal=1.0` is an image of another version. The digests count up. */
const imagesIn = (text: string) => {
  const releases = text.split(" ").map((one, index): ChannelIndex["releases"][number] => {
    const [, architecture, flavour, version = "2.0"] = /^(\w+)(?:\/(\w+))?(?:=(.+))?$/.exec(one) ?? [];
    return {
      ...{ version, digest: digestOf(`${index + 1}`), architecture: architecture as "amd64" },
      ...{ kubernetes: `v1.37.${index + 1}`, ...(flavour !== undefined && { flavour }) },
    };
  });
  return imagesOfVersion({ format: 1, channel: "stable", version: 1, expires: "", latest: "2.0", releases });
};
const kindOf = (text: string): ImageKind => {
  const [architecture = "", flavour] = text.split("/");
  return { architecture, flavour };
};

describe("targetOf", () => {
  it("tells no flavour where it is the only one of the channel for the processor", () => {
    expect(targetOf(imagesIn("amd64/metal=1.0 amd64/metal"), kindOf("amd64/cloud"), digestOf("9"))).toEqual({
      ...{ version: "2.0", digest: digestOf("2"), kubernetes: "v1.37.2" },
      images: [{ architecture: "amd64", digest: digestOf("2") }],
    });
  });

  it("has the image of each kind, and keeps its digest whoever asks", () => {
    const all = imagesIn("amd64/cloud arm64/rpi arm64/metal=1.0");
    const images = [
      { architecture: "amd64", digest: digestOf("1") },
      { architecture: "arm64", flavour: "rpi", digest: digestOf("2") },
    ];
    const first = targetOf(all, kindOf("amd64/cloud"), digestOf("9"));
    expect(first).toEqual({ version: "2.0", digest: digestOf("1"), images, kubernetes: "v1.37.1" });
    expect(targetOf(all, kindOf("arm64/rpi"), first.digest)).toEqual(first);
    expect(targetOf(all, kindOf("arm64/metal"), undefined).images).toEqual(images);
  });
});

describe("targetFor", () => {
  it.each([
    // The node, the channel, and the number of the image in it that is for the node.
    ["amd64/metal", "amd64/metal", 1],
    ["amd64/cloud", "amd64/metal", 1],
    ["arm64/metal", "amd64/metal", undefined],
    ["amd64/cloud", "amd64/cloud amd64/metal arm64/rpi", 1],
    ["arm64/metal", "amd64/cloud amd64/metal arm64/rpi", 3],
    ["amd64/mine", "amd64/cloud amd64/metal", undefined],
    ["arm64/metal", "amd64/cloud amd64/metal", undefined],
    // Images that tell no flavour.
    ["amd64/cloud", "amd64 arm64/rpi", 1],
    ["amd64/cloud", "amd64 amd64/metal", 2],
    ["amd64/cloud", "amd64 amd64/metal amd64/cloud=1.0", 1],
    // One kind has no image of that version.
    ["amd64/cloud", "amd64/cloud=1.0 amd64/metal=1.0 amd64/metal", undefined],
    ["amd64/metal", "amd64/cloud=1.0 amd64/metal=1.0 amd64/metal", 3],
    ["amd64/cloud", "amd64/cloud=1.0 amd64/metal arm64/rpi", undefined],
    ["arm64/metal", "amd64/cloud=1.0 amd64/metal arm64/rpi", 3],
    ["arm64/rpi", "amd64/cloud amd64/metal arm64/rpi=1.0", undefined],
    // Of several builds, the last one.
    ["amd64/metal", "amd64/metal amd64/cloud amd64/metal", 3],
  ])("gives %s of the images %s: %s", (node, channel, want) => {
    const images = imagesIn(channel);
    const expected = want === undefined ? undefined : { version: "2.0", digest: digestOf(`${want}`) };
    // Whoever has asked the channel.
    for (const asker of ["amd64/metal", "amd64/cloud", "arm64/rpi"].map(kindOf)) {
      const target = { ...targetOf(images, asker, undefined), resolvedAt: new Date(NOON).toISOString() };
      expect(targetFor(poolOf("agents", {}, { target }), kindOf(node))).toEqual(expected);
    }
  });

  it("gives the only image that an older agent has written", () => {
    const target = { version: "2.0", digest: digestOf("1"), resolvedAt: "" };
    expect(targetFor(poolOf("agents", {}, { target }), kindOf("amd64/metal"))?.digest).toBe(digestOf("1"));
  });

  it("gives nothing as long as none is known", () => {
    expect(targetFor(poolOf("agents"), kindOf("amd64/metal"))).toBeUndefined();
  });
});
