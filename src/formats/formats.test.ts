import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { K3osError } from "../errors.ts";
import { concat, text } from "./bytes.ts";
import { type CpioEntry, cpio } from "./cpio.ts";
import { imageArchive } from "./oci.ts";
import { firstFile, type TarEntry, tar, tarEnd, tarFrame } from "./tar.ts";

const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

const name = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,60}$/).filter((part) => part !== "." && part !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
const file = fc.record({ path, data: fc.uint8Array({ maxLength: 2000 }) });

/** Distinct files of which none is a directory of another. */
const files = fc
  .uniqueArray(file, { selector: (entry) => entry.path, maxLength: 8 })
  .filter((all) => all.every((a) => all.every((b) => a === b || !b.path.startsWith(`${a.path}/`))));

describe("tar", () => {
  const sample: TarEntry[] = [
    { path: "etc", type: "directory" },
    { path: "etc/shadow", data: text("root:*:\n"), mode: 0o640, gid: 42 },
    { path: "bin", type: "link", target: "usr/bin" },
    { path: `${"deep/".repeat(40)}file`, data: text("far down") },
  ];

  it("is the same bytes every time", () => {
    expect(sha256(tar(sample, 1_700_000_000))).toBe("6fff479ce407d6251f89e7284fcce6f87daadf85c483583ee6db636bbfbcfb42");
  });

  it("is what GNU tar reads", () => {
    const listing = execFileSync("tar", ["--list", "--verbose", "--numeric-owner", "--utc"], {
      input: tar(sample, 1_700_000_000),
      encoding: "utf8",
    });
    expect(listing).toContain("-rw-r----- 0/42              8 2023-11-14 22:13 etc/shadow");
    expect(listing).toContain("bin -> usr/bin");
    expect(listing).toContain(`${"deep/".repeat(40)}file`);
  });

  it("keeps any content under any path", () => {
    fc.assert(
      fc.property(file, ({ path, data }) => {
        const out = execFileSync("tar", ["--extract", "--to-stdout", "--file", "-"], { input: tar([{ path, data }]) });
        expect(new Uint8Array(out)).toEqual(data);
      }),
      { numRuns: 15 },
    );
  });
});

describe("the first file of an archive", () => {
  it("is found behind directories and long names", () => {
    fc.assert(
      fc.property(file, ({ path, data }) => {
        const entries: TarEntry[] = [
          { path: "d", type: "directory" },
          { path, data },
          { path: "other", data: text("x") },
        ];
        expect(firstFile(tar(entries), "a")).toEqual(data);
      }),
    );
  });

  it("is what was framed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (data) => {
        const { before, after } = tarFrame("name", data.length);
        expect(firstFile(concat([before, data, after, tarEnd()]), "a")).toEqual(data);
      }),
    );
  });

  it("is missed in what is no archive, or is cut off, and nothing else happens", () => {
    for (const bytes of [
      new Uint8Array(),
      text("x".repeat(2000)),
      tar([]),
      tar([{ path: "a", data: text("x") }]).subarray(0, 512),
    ]) {
      expect(() => firstFile(bytes, "it")).toThrow("it is no archive with a file");
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(() => firstFile(bytes, "it")).toThrow(K3osError);
      }),
    );
  });
});

describe("cpio", () => {
  const sample: CpioEntry[] = [
    { path: "bin", type: "directory" },
    { path: "bin/sh", data: text("#!"), mode: 0o755 },
    { path: "init", type: "link", target: "bin/sh" },
    { path: "dev", type: "directory" },
    { path: "dev/console", type: "character", device: [5, 1], mode: 0o600 },
  ];

  it("is the same bytes every time", () => {
    expect(sha256(cpio(sample, 1_700_000_000))).toBe(
      "034e41eb2cabd4dcf0899a01cb3a8f38605bb732954ad4f3a84e761e32d756df",
    );
  });

  it("holds what went in, each field where newc has it", () => {
    fc.assert(
      fc.property(files, (entries) => {
        expect(readCpio(cpio(entries))).toEqual(entries.map(({ path, data }) => ({ path, mode: 0o100644, data })));
      }),
    );
  });

  it("says what is a directory, a link and a device", () => {
    const read = readCpio(cpio(sample));
    expect(read.map(({ path, mode }) => `${mode.toString(8)} ${path}`)).toEqual([
      "40755 bin",
      "100755 bin/sh",
      "120777 init",
      "40755 dev",
      "20600 dev/console",
    ]);
    expect(read[2]?.data).toEqual(text("bin/sh"));
  });
});

describe("container image", () => {
  const image = {
    architecture: "amd64",
    reference: "k3os.io/pause:1",
    files: [{ path: "pause", data: text("static"), mode: 0o755 }],
    entrypoint: ["/pause", "-P"],
    user: "65535:65535",
  };

  it("is the same bytes every time", () => {
    expect(sha256(imageArchive(image, { sha256 }))).toBe(
      "a3004ec787197abfa7060e198c6c4dc3db5119b28b150036b63440254492bf14",
    );
  });

  it("names every blob by its sum, in both of its tables of contents", () => {
    const archive = imageArchive(image, { sha256 });
    const read = (path: string) => execFileSync("tar", ["--extract", "--to-stdout", path], { input: archive });
    const blob = (digest: string) => {
      const data = read(`blobs/sha256/${digest.replace("sha256:", "")}`);
      expect(`sha256:${sha256(new Uint8Array(data))}`).toBe(digest);
      return data;
    };
    const index = JSON.parse(read("index.json").toString());
    const manifest = JSON.parse(blob(index.manifests[0].digest).toString());
    const config = JSON.parse(blob(manifest.config.digest).toString());
    blob(manifest.layers[0].digest);
    expect(config.rootfs.diff_ids).toEqual([manifest.layers[0].digest]);
    expect(config.config).toMatchObject({ Entrypoint: ["/pause", "-P"], User: "65535:65535" });
    expect(index.manifests[0].annotations["io.containerd.image.name"]).toBe("k3os.io/pause:1");
    const [docker] = JSON.parse(read("manifest.json").toString());
    expect(docker.RepoTags).toEqual(["k3os.io/pause:1"]);
    expect(docker.Layers).toEqual([`blobs/sha256/${manifest.layers[0].digest.replace("sha256:", "")}`]);
  });

  it("lies in one archive with others, and what they share is there once", () => {
    const base = [{ path: "lib", data: text("shared") }];
    const above = { ...image, below: [base], command: ["run"] };
    const images = ["a:1", "b:1"].map((reference) => ({ ...above, reference }));
    const archive = imageArchive([...images, { ...above, reference: "c:1", files: [] }], { sha256 });
    const names = execFileSync("tar", ["--list"], { input: archive }).toString().trim().split("\n");
    // Two layers, and config and manifest of a and b, which are the same, and of c.
    expect(names.filter((name) => /^blobs\/sha256\/./.test(name))).toHaveLength(2 + 2 + 2);
    const docker = JSON.parse(execFileSync("tar", ["-xO", "manifest.json"], { input: archive }).toString());
    expect(docker.map(({ RepoTags, Layers }: Record<string, unknown[]>) => [RepoTags?.[0], Layers?.length])).toEqual([
      ["a:1", 2],
      ["b:1", 2],
      ["c:1", 1],
    ]);
  });
});

function readCpio(archive: Uint8Array): { path: string; mode: number; data: Uint8Array }[] {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const entries = [];
  for (let offset = 0; ; ) {
    expect(decode(archive.slice(offset, offset + 6))).toBe("070701");
    const field = (index: number) =>
      Number.parseInt(decode(archive.slice(offset + 6 + index * 8, offset + 14 + index * 8)), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const path = decode(archive.slice(offset + 110, offset + 110 + nameSize - 1));
    if (path === "TRAILER!!!") return entries;
    const start = (offset + 110 + nameSize + 3) & ~3;
    entries.push({ path, mode, data: archive.slice(start, start + size) });
    offset = (start + size + 3) & ~3;
  }
}
