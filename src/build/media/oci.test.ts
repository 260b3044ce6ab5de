import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { sha256, writeImage } from "../../../test/support/images.ts";
import { filesOf } from "../../image/oci.ts";
import { writeArchive } from "./oci.ts";

it("an image becomes an OCI layout that tar unpacks, with each file as a blob, and always the same bytes", async () => {
  const directory = mkdtempSync(join(tmpdir(), "k3os-oci-"));
  try {
    const files = { vmlinuz: "kernel", initrd: "x".repeat(512), "root.squashfs": "r".repeat(100_000) };
    const digest = writeImage(join(directory, "image"), files, { version: "0.31.0+git" });
    const image = { version: "0.31.0+git", time: 1_700_000_000 };
    const archive = join(directory, "k3os.oci.tar");
    await writeArchive(join(directory, "image"), image, archive);
    execFileSync("tar", ["-xf", archive, "-C", directory]);
    const read = (...path: string[]) => readFileSync(join(directory, ...path), "utf8");
    expect(JSON.parse(read("oci-layout"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const [{ digest: manifest, annotations }] = JSON.parse(read("index.json")).manifests;
    expect(annotations).toEqual({ "org.opencontainers.image.ref.name": `0.31.0_git-${digest.slice(7, 15)}` });
    const blob = (name: string) => read("blobs", ...name.split(":"));
    const layers = filesOf(blob(manifest), "m");
    expect(Object.keys(layers)).toEqual(["vmlinuz", "initrd", "root.squashfs", "image.json"]);
    expect(layers["image.json"]?.digest).toBe(digest);
    for (const [name, text] of Object.entries(files)) expect(blob(layers[name]?.digest ?? "")).toBe(text);
    await writeArchive(join(directory, "image"), image, `${archive}.again`);
    expect(sha256(readFileSync(`${archive}.again`))).toBe(sha256(readFileSync(archive)));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
