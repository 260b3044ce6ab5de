import { describe, expect, it } from "vitest";
import {
  type ChannelIndex,
  channelPath,
  checkIndex,
  chooseRelease,
  formatIndex,
  imagePath,
  imageTag,
  parseIndex,
  type Release,
} from "./index-json.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const release = (version: string, more: Partial<Release> = {}): Release => ({
  version,
  digest: digest("a"),
  architecture: "amd64",
  kubernetes: "v1.37.2",
  ...more,
});
const index: ChannelIndex = {
  format: 1,
  channel: "stable",
  version: 7,
  expires: "2026-12-06T00:00:00Z",
  releases: [release("0.30.0"), release("0.31.0", { minFrom: "0.30.0", notes: "Faster." })],
  latest: "0.31.0",
};

describe("parseIndex", () => {
  it("reads what formatIndex writes", () => {
    expect(parseIndex(formatIndex({ ...index, revoked: "b".repeat(64) }), "i")).toEqual({
      ...index,
      revoked: "b".repeat(64),
    });
  });

  it("reads the flavours of images", () => {
    const of = { ...index, releases: [release("0.31.0", { flavour: "metal" }), release("0.31.0")] };
    expect(parseIndex(formatIndex(of), "i")).toEqual(of);
  });

  it("leaves out what it does not know, and images of other processors", () => {
    const more = {
      ...index,
      colour: "red",
      releases: [{ ...release("1.0.0"), architecture: "s390x" }, ...index.releases],
    };
    expect(parseIndex(JSON.stringify(more), "i")).toEqual(index);
  });

  it.each([
    ["text", "<html>", "it is no JSON"],
    ["a list", "[]", "it is no object"],
    ["a later format", { ...index, format: 2 }, "its format is 2, and 1 is known"],
    ["a version that is no number", { ...index, version: "7" }, 'version is "7"'],
    ["a version of 0", { ...index, version: 0 }, "version is 0"],
    ["a version that no double holds", { ...index, version: 2 ** 53 }, "version is 9007199254740992"],
    ["a channel that is a path", { ...index, channel: "../x" }, 'channel is "../x"'],
    ["no time of expiry", { ...index, expires: undefined }, "expires is missing"],
    ["a time of expiry without a zone", { ...index, expires: "2026-12-06T00:00:00" }, "expires is "],
    ["a day that no month has", { ...index, expires: "2026-13-41T00:00:00Z" }, "expires is "],
    ["releases that are no list", { ...index, releases: {} }, "releases is no list"],
    ["a release that is a text", { ...index, releases: ["0.31.0"] }, "releases[0] is no object"],
    ["a version that is a path", { ...index, releases: [release("../../etc")] }, 'releases[0].version is "../../etc"'],
    ["a digest that is none", { ...index, releases: [release("1", { digest: "sha256:a" })] }, "releases[0].digest is"],
    ["a flavour that is a path", { ...index, releases: [release("1", { flavour: "../x" })] }, "releases[0].flavour is"],
    ["a latest version that is none", { ...index, latest: "" }, 'latest is ""'],
  ])("refuses %s", (_, value, want) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    expect(() => parseIndex(text, "http://a/stable.json")).toThrow(
      expect.objectContaining({
        reason: "ChannelInvalid",
        message: expect.stringContaining(`http://a/stable.json is no index of a channel: ${want}`),
      }),
    );
  });
});

describe("checkIndex", () => {
  const rules = { channel: "stable", now: Date.parse("2026-11-29T00:00:00Z") / 1000, signer: "SHA256:x", seen: {} };

  it("remembers the version by channel and signer", () => {
    const seen = { stable: { "SHA256:y": 9, "SHA256:x": 6 }, edge: { "SHA256:x": 20 } };
    expect(checkIndex(index, { ...rules, seen })).toEqual({ ...seen, stable: { "SHA256:y": 9, "SHA256:x": 7 } });
  });

  it("takes the same index again", () => {
    expect(checkIndex(index, { ...rules, seen: { stable: { "SHA256:x": 7 } } })).toEqual({ stable: { "SHA256:x": 7 } });
  });

  it("lets a new key start anew after one that went too far", () => {
    const seen = { stable: { "SHA256:stolen": Number.MAX_SAFE_INTEGER } };
    expect(checkIndex(index, { ...rules, seen }).stable).toEqual({ ...seen.stable, "SHA256:x": 7 });
  });

  it.each([
    ["a lower version by the same key", { seen: { stable: { "SHA256:x": 8 } } }, "ChannelRollback", "has version 7"],
    ["an index of another channel", { channel: "edge" }, "ChannelInvalid", "the index of edge is one of stable"],
    [
      "one that has just expired",
      { now: Date.parse(index.expires) / 1000 },
      "ChannelStale",
      "has expired on 2026-12-06",
    ],
  ])("refuses %s", (_, change, reason, message) => {
    expect(() => checkIndex(index, { ...rules, ...change })).toThrow(
      expect.objectContaining({ reason, message: expect.stringContaining(message), hint: expect.stringMatching(/./) }),
    );
  });
});

describe("chooseRelease", () => {
  const rules = { kind: { architecture: "amd64", flavour: "metal" }, running: "0.30.0" } as const;

  it("takes the latest, or the version that is asked for", () => {
    expect(chooseRelease(index, rules).version).toBe("0.31.0");
    expect(chooseRelease(index, { ...rules, version: "0.30.0" }).version).toBe("0.30.0");
  });

  it("takes the last of several builds of a version", () => {
    const releases = [...index.releases, release("0.31.0", { digest: digest("b") })];
    expect(chooseRelease({ ...index, releases }, rules).digest).toBe(digest("b"));
  });

  it.each([
    [
      "one for another processor only",
      { kind: { architecture: "arm64" } as const },
      "NoRelease",
      "no k3OS 0.31.0 for arm64",
    ],
    ["a version that is not there", { version: "9.9.9" }, "NoRelease", "no k3OS 9.9.9 for amd64"],
    ["an older one", { running: "0.32.0-rc.1" }, "Downgrade", "is older than 0.32.0-rc.1, which runs"],
    ["one that this node is too old for", { running: "0.29.9" }, "TooOld", "replaces 0.30.0 or newer, and 0.29.9 runs"],
  ])("refuses %s", (_, change, reason, message) => {
    expect(() => chooseRelease(index, { ...rules, ...change })).toThrow(
      expect.objectContaining({ reason, message: expect.stringContaining(message) }),
    );
  });

  describe("in a channel with several flavours", () => {
    const of = (version: string, flavour: string) => release(version, { flavour, digest: digest(version.slice(-1)) });
    const releases = [of("0.31.0", "cloud"), of("0.31.0", "metal"), of("0.32.0", "cloud")];
    const several = { ...index, releases, latest: "0.32.0" };
    const as = (flavour: string | undefined, version?: string) => () =>
      chooseRelease(several, { running: "0.30.0", version, kind: { architecture: "amd64", flavour } });

    it("takes its own, also an older one that is asked for", () => {
      expect(as("cloud")()).toEqual(releases[2]);
      expect(as("metal", "0.31.0")()).toEqual(releases[1]);
    });

    it.each([
      [
        "another flavour than that of the node, if only that one has the latest version",
        as("metal"),
        "the channel stable has no k3OS 0.32.0 for amd64 of the flavour metal",
        "For these it has: 0.31.0. ./k3os publish TARGET --key FILE --arch amd64 --flavour metal adds the image.",
      ],
      [
        "all, if none is of the node's",
        as("mine"),
        "the channel stable has k3OS for amd64 of the flavours cloud, metal, and this node is of the flavour mine",
        "Publish one of it: ./k3os publish TARGET --key FILE --arch amd64 --flavour mine. Or give the node one of these by " +
          "its place: sudo k3os upgrade PLACE",
      ],
      [
        "all, if the node's is not known",
        as(undefined, "0.31.0"),
        "the channel stable has k3OS for amd64 of the flavours cloud, metal, and this node's image tells no flavour",
        "Give the node one of these by its place: sudo k3os upgrade PLACE",
      ],
    ])("refuses %s", (_, choose, message, hint) => {
      expect(choose).toThrow(expect.objectContaining({ reason: "NoRelease", message, hint }));
    });
  });

  it("takes an older one if that is wanted", () => {
    expect(chooseRelease(index, { ...rules, running: "0.32.0", allowDowngrade: true }).version).toBe("0.31.0");
  });
});

it("names files and tags by version and digest", () => {
  const one = release("0.31.0+git.1", { digest: `sha256:0123abcd${"0".repeat(56)}` });
  expect(channelPath("stable")).toBe("channels/stable.json");
  expect(imagePath(one)).toBe("images/0.31.0+git.1-0123abcd");
  expect(imageTag(one)).toBe("0.31.0_git.1-0123abcd");
});
