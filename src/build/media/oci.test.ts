import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sha256, testUpgrader, writeImage } from "../../../test/support/images.ts";
import { configOf, parseContainer } from "../../image/container.ts";
import { filesOf } from "../../image/oci.ts";
import { upgraderArchive } from "../upgrader.ts";
import { writeArchive } from "./oci.ts";

const files = { vmlinuz: "kernel", initrd: "x".repeat(512), "root.squashfs": "r".repeat(100_000) };
const json = { version: "0.31.0+git", architecture: "amd64", time: 1_700_000_000 } as const;

let directory: string;
let digest: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "k3os-oci-"));
  digest = writeImage(join(directory, "image"), files, json);
});
afterAll(() => rmSync(directory, { recursive: true }));

const content = () => ({ directory: join(directory, "image"), json, upgrader: testUpgrader(directory) });

/** The unpacked layout, and what its one manifest says. */
function read(archive: string) {
  const layout = mkdtempSync(join(directory, "layout-"));
  execFileSync("tar", ["-xf", archive, "-C", layout]);
  const file = (...path: string[]) => readFileSync(join(layout, ...path));
  const blob = (name: string) => {
    const data = file("blobs", ...name.split(":"));
    expect(`sha256:${sha256(data)}`).toBe(name);
    return data;
  };
  const [index] = JSON.parse(file("index.json").toString()).manifests;
  const manifest = blob(index.digest).toString();
  const config = blob(configOf(manifest, "m")).toString();
  return { file, blob, index, manifest, config, container: parseContainer(manifest, config, "m") };
}

it("an image becomes a container image, with each file as a layer, and always the same bytes", async () => {
  const archive = join(directory, "k3os.oci.tar");
  await writeArchive(archive, content());
  const { file, blob, index, manifest, config, container } = read(archive);
  expect(JSON.parse(file("oci-layout").toString())).toEqual({ imageLayoutVersion: "1.0.0" });
  const tag = `0.31.0_git-${digest.slice(7, 15)}`;
  expect(index).toMatchObject({
    annotations: {
      "org.opencontainers.image.ref.name": tag,
      "io.containerd.image.name": `k3os.io/k3os:${tag}`,
    },
    platform: { architecture: "amd64", os: "linux" },
  });
  expect(JSON.parse(config)).toMatchObject({
    ...{ created: "2023-11-14T22:13:20Z", architecture: "amd64", os: "linux" },
    config: { Entrypoint: ["k3os"] },
    rootfs: { type: "layers" },
  });
  expect(container.layers.map(({ name }) => name)).toEqual([
    undefined,
    "vmlinuz",
    "initrd",
    "root.squashfs",
    "image.json",
  ]);
  const layers = filesOf(manifest, "m");
  for (const [name, text] of Object.entries(files)) {
    const { packing, digest: layer, size } = layers[name] ?? {};
    const data = blob(layer ?? "");
    expect([packing, size]).toEqual(["tar", data.length]);
    const [options, input] = [{ encoding: "utf8" as const, maxBuffer: 1e6 }, { input: data }];
    expect(execFileSync("tar", ["-xOf", "-"], { ...options, ...input })).toBe(text);
    expect(execFileSync("tar", ["-tf", "-"], { ...options, ...input })).toBe(`k3os/system/${name}\n`);
  }
  await writeArchive(`${archive}.again`, content());
  expect(sha256(readFileSync(`${archive}.again`))).toBe(sha256(readFileSync(archive)));
});

it("a file that two versions share is the same layer in both, and so is the command", async () => {
  const layers = async (name: string, more: object) => {
    const next = { ...json, ...more };
    writeImage(join(directory, name), { ...files, initrd: name }, next);
    await writeArchive(join(directory, `${name}.tar`), { ...content(), directory: join(directory, name), json: next });
    return read(join(directory, `${name}.tar`)).container.layers.map((layer) => layer.digest);
  };
  const [one, other] = [await layers("one", {}), await layers("other", { version: "0.32.0", time: 1_600_000_000 })];
  expect(one.map((layer, index) => layer === other[index])).toEqual([true, true, false, true, false]);
});

it("a signature is one more layer", async () => {
  const archive = join(directory, "signed.tar");
  await writeArchive(archive, { ...content(), signature: Buffer.from("signature") });
  const { manifest, blob } = read(archive);
  const layer = blob(filesOf(manifest, "m")["image.json.sig"]?.digest ?? "");
  expect(execFileSync("tar", ["-xOf", "-"], { input: layer, encoding: "utf8" })).toBe("signature");
});

it("the layer with the command has the script, and the busybox that runs it", () => {
  const archive = join(directory, "upgrader.tar");
  writeFileSync(archive, upgraderArchive({ busybox: Buffer.from("b"), script: Buffer.from("s") }));
  const listed = execFileSync("tar", ["-tvf", archive], { encoding: "utf8", env: { ...process.env, TZ: "UTC" } });
  expect(
    listed
      .split("\n")
      .filter(Boolean)
      .map((line) => line.replace(/ +/g, " ")),
  ).toEqual([
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 bin/",
    "drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 k3os/",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 k3os/system/",
    "-rwxr-xr-x 0/0 1 1970-01-01 00:00 bin/busybox",
    "-rwxr-xr-x 0/0 1 1970-01-01 00:00 bin/k3os",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/nsenter -> busybox",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/sed -> busybox",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/sh -> busybox",
  ]);
  expect(statSync(archive).size % 512).toBe(0);
  expect(gzipSync(readFileSync(archive)).length).toBeLessThan(1000);
});
