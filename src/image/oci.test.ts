import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  addressOf,
  EMPTY,
  EMPTY_TEXT,
  FILE_TYPE,
  filesOf,
  formatManifest,
  isLocal,
  LAYER_FILE,
  LAYER_TYPE,
  manifestFor,
  parseChallenge,
  parseReference,
  tokenUrl,
} from "./oci.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("parseReference", () => {
  it.each([
    ["oci://a/b", { registry: "a", repository: "b" }],
    ["oci://a.io:5000/b/c-d_e:1.0-rc.1", { registry: "a.io:5000", repository: "b/c-d_e", tag: "1.0-rc.1" }],
    ["oci://[::1]:5000/k3os", { registry: "[::1]:5000", repository: "k3os" }],
    [`oci://a/b@${digest}`, { registry: "a", repository: "b", digest }],
    [`oci://a/b:t@${digest}`, { registry: "a", repository: "b", tag: "t", digest }],
  ])("%s is one", (place, want) => expect(parseReference(place)).toEqual(want));

  it.each(["oci://a", "oci:///b", "oci://a/B", "oci://a/b:", "oci://a/b@sha256:a", "oci://a/../b", "oci://u:p@a/b"])(
    "%s is none",
    (place) => expect(() => parseReference(place)).toThrow("is no place in a registry"),
  );
});

it.each([
  ["localhost:5000", true],
  ["127.0.0.1", true],
  ["[::1]:80", true],
  ["localhost.example.com", false],
  ["10.0.0.1:5000", false],
])("a registry at %s is on this machine: %s", (registry, want) => expect(isLocal(registry)).toBe(want));

it.each([
  ["docker.io", "https://registry-1.docker.io"],
  ["a.io:5000", "https://a.io:5000"],
  ["localhost:5000", "http://localhost:5000"],
])("a registry called %s is at %s", (registry, want) => expect(addressOf(registry)).toBe(want));

it("the empty config is the one of the specification", () => {
  expect(`sha256:${createHash("sha256").update(EMPTY_TEXT).digest("hex")}`).toBe(EMPTY.digest);
  expect(EMPTY_TEXT).toHaveLength(EMPTY.size);
});

describe("a manifest", () => {
  const manifest = formatManifest("application/x", [{ name: "image.json", digest, size: 3 }]);

  it("has its files as layers with titles", () => {
    expect(filesOf(manifest, "m")).toEqual({
      "image.json": { packing: "plain", digest, size: 3 },
    });
    expect(manifestFor(manifest, "amd64", "m")).toBeUndefined();
  });

  it("offers no file whose name leads elsewhere, and none without a digest", () => {
    const layer = (title: string, more: object = {}) => ({
      ...{ mediaType: FILE_TYPE, digest, size: 1, annotations: { "org.opencontainers.image.title": title } },
      ...more,
    });
    const layers = [layer("../etc/passwd"), layer("a/b"), layer(".."), layer("x", { digest: "md5:a" }), {}, null];
    expect(filesOf(JSON.stringify({ layers }), "m")).toEqual({});
  });

  it("may have files in archives, and refuses one that it cannot unpack", () => {
    const layer = (mediaType: string) => ({ mediaType, digest, size: 1, annotations: { [LAYER_FILE]: "initrd" } });
    const read = (mediaType: string) => filesOf(JSON.stringify({ layers: [layer(mediaType)] }), "m");
    expect(read(LAYER_TYPE)).toEqual({ initrd: { packing: "tar", digest, size: 1 } });
    expect(read(`${LAYER_TYPE}+gzip`)).toEqual({ initrd: { packing: "tar+gzip", digest, size: 1 } });
    expect(() => read(`${LAYER_TYPE}+zstd`)).toThrow(
      "initrd of m is packed as application/vnd.oci.image.layer.v1.tar+zstd",
    );
  });

  it("is found in an index of several by the processor", () => {
    const manifests = [
      { digest: `sha256:${"b".repeat(64)}`, platform: { architecture: "arm64" } },
      { digest, platform: { architecture: "amd64" } },
    ];
    expect(manifestFor(JSON.stringify({ manifests }), "amd64", "m")).toBe(digest);
    expect(() => manifestFor(JSON.stringify({ manifests }), "riscv64", "m")).toThrow("m holds nothing for riscv64");
  });

  it.each(["", "[]", "null", '{"layers":{}}', '{"manifests":1}'])("is refused if it is %j", (text) => {
    expect(() => manifestFor(text, "amd64", "m") ?? filesOf(text, "m")).toThrow(
      "what the registry has at m is no manifest",
    );
  });
});

describe("parseChallenge", () => {
  it("understands both ways to log in, and takes a token if there is a choice", () => {
    const bearer = 'Bearer realm="https://a/t?x=1",service="reg,1",scope="repository:b:pull,push"';
    const want = {
      scheme: "bearer",
      realm: "https://a/t?x=1",
      service: "reg,1",
      scope: "repository:b:pull,push",
    } as const;
    expect(parseChallenge(bearer)).toEqual(want);
    expect(parseChallenge(`Basic realm="a", ${bearer}`)).toEqual(want);
    expect(parseChallenge('Basic realm="a"')).toEqual({ scheme: "basic" });
    expect(tokenUrl(want)).toBe("https://a/t?x=1&service=reg%2C1&scope=repository%3Ab%3Apull%2Cpush");
    expect(tokenUrl({ scheme: "bearer", realm: "https://a/t" })).toBe("https://a/t");
  });

  it.each(["", "Digest x", "Bearer", 'Bearer realm="file:///etc/passwd"'])("knows no way in %j", (header) =>
    expect(parseChallenge(header)).toBeUndefined(),
  );
});
