import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileServer, serveFiles } from "../../../test/support/file-server.ts";
import { sha256, writeImage } from "../../../test/support/images.ts";
import { nodeHost } from "../../host/node.ts";
import { silent } from "../../progress.ts";
import { type OpenOptions, openImage } from "./open.ts";
import { partsIn } from "./parts.ts";

const files = { vmlinuz: "kernel", initrd: "initial root", "root.squashfs": "root ".repeat(1000) };

describe("an image on a web server, by the real curl", () => {
  let directory: string;
  let server: FileServer;
  let options: OpenOptions;
  let digest: string;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "k3os-images-"));
    digest = writeImage(join(directory, "served"), files);
    server = await serveFiles(join(directory, "served"));
    options = { work: join(directory, "work"), ifDamaged: "Fetch it again.", progress: silent };
  });
  afterEach(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  const names = () => server.requests.map((one) => one.replace(/^\d+ \//, ""));
  const fetched = (name: string) => readFileSync(join(directory, "work/image", name), "utf8");

  it("is fetched, with its digest", async () => {
    const image = await openImage(nodeHost, server.url, { ...options, digest });
    expect(image).toMatchObject({ directory: join(directory, "work/image"), digest, size: 5018 });
    expect(fetched("root.squashfs")).toBe(files["root.squashfs"]);
  });

  it("is fetched only as far as it is not there yet", async () => {
    await openImage(nodeHost, server.url, options);
    server.requests.length = 0;
    rmSync(join(directory, "work/image/initrd"));
    const part = `root.squashfs.${sha256(files["root.squashfs"]).slice(0, 8)}.part`;
    writeFileSync(join(directory, "work/image", part), files["root.squashfs"].slice(0, 3000));
    rmSync(join(directory, "work/image/root.squashfs"));
    await openImage(nodeHost, server.url, options);
    expect(names()).toEqual(["image.json", "initrd", "root.squashfs 3000-"]);
    expect(fetched("root.squashfs")).toBe(files["root.squashfs"]);
  });

  it("is fetched anew where what an earlier run has left is the beginning of something else", async () => {
    mkdirSync(join(directory, "work/image"), { recursive: true });
    const part = `root.squashfs.${sha256(files["root.squashfs"]).slice(0, 8)}.part`;
    writeFileSync(join(directory, "work/image", part), "x".repeat(3000));
    writeFileSync(join(directory, "work/image/root.squashfs.00000000.part"), "of another image");
    await openImage(nodeHost, server.url, options);
    expect(fetched("root.squashfs")).toBe(files["root.squashfs"]);
    expect(nodeHost.list(join(directory, "work/image"))).toEqual(["image.json", "initrd", "root.squashfs", "vmlinuz"]);
  });

  it("takes the parts that another image has, too, and shares their room", async () => {
    const slot = join(directory, "slot");
    writeImage(slot, { ...files, "root.squashfs": "another root" });
    // Its image.json says that it is the same, and it is not.
    writeFileSync(join(slot, "vmlinuz"), "KERNEL");
    await openImage(nodeHost, server.url, { ...options, parts: partsIn(nodeHost, slot) });
    expect(names()).toEqual(["image.json", "vmlinuz", "root.squashfs"]);
    expect(fetched("vmlinuz")).toBe(files.vmlinuz);
    expect(statSync(join(directory, "work/image/initrd")).ino).toBe(statSync(join(slot, "initrd")).ino);
  });

  it("is refused, and not fetched, if it is not the one that the channel names", async () => {
    await expect(openImage(nodeHost, server.url, { ...options, digest: `sha256:${"0".repeat(64)}` })).rejects.toThrow(
      `image.json is another image: expected sha256:${"0".repeat(64)}, got ${digest}`,
    );
    expect(names()).toEqual(["image.json"]);
  });

  it("is refused if a file has another content than its sum", async () => {
    writeFileSync(join(directory, "served/root.squashfs"), "ROOT ".repeat(1000));
    await expect(openImage(nodeHost, server.url, options)).rejects.toMatchObject({
      kind: "integrity",
      message: expect.stringContaining("/root.squashfs is damaged: expected sha256"),
    });
    expect(nodeHost.list(join(directory, "work/image"))).toEqual(["image.json", "initrd", "vmlinuz"]);
  });

  it("is fetched only if there is room for what is missing", async () => {
    const asked: number[] = [];
    const full = async (bytes: number) => {
      asked.push(bytes);
      throw new Error("it is full");
    };
    await expect(openImage(nodeHost, server.url, { ...options, roomFor: full })).rejects.toThrow("it is full");
    expect(names()).toEqual(["image.json"]);
    mkdirSync(join(directory, "work/image"), { recursive: true });
    writeFileSync(join(directory, "work/image/vmlinuz"), files.vmlinuz);
    await expect(openImage(nodeHost, server.url, { ...options, roomFor: full })).rejects.toThrow("it is full");
    expect(asked).toEqual([5018, 5018 - files.vmlinuz.length]);
  });

  it("is refused for another processor, before its files are fetched", async () => {
    writeImage(join(directory, "served"), files, { architecture: "arm64" });
    await expect(openImage(nodeHost, server.url, options)).rejects.toMatchObject({
      message: `${server.url} is an image for arm64, and this machine is amd64`,
      hint: "One for it: ./k3os build --arch amd64",
    });
    expect(names()).toEqual(["image.json"]);
  });

  it("is refused before anything is fetched if no key is known and that was not wanted", async () => {
    const trust = { signers: "", name: "k3os.upgrade.keys" };
    await expect(openImage(nodeHost, server.url, { ...options, trust })).rejects.toMatchObject({
      kind: "integrity",
      hint: expect.stringContaining("k3os.upgrade.unsigned: true"),
    });
    expect(names()).toEqual([]);
    const image = await openImage(nodeHost, server.url, { ...options, trust: { ...trust, unsigned: true } });
    expect(image.signer).toBeUndefined();
  });

  it("keeps what stands behind the address for each file", async () => {
    await openImage(nodeHost, `${server.url}/image.json?token=x`, options);
    expect(names()[1]).toBe("vmlinuz?token=x");
  });
});

it("partsIn offers what is there, and nothing of an image that cannot be read", () => {
  const directory = mkdtempSync(join(tmpdir(), "k3os-parts-"));
  try {
    writeImage(directory, files);
    rmSync(join(directory, "vmlinuz"));
    linkSync(join(directory, "initrd"), join(directory, "other"));
    expect(partsIn(nodeHost, directory).map(({ path }) => path)).toEqual([
      join(directory, "initrd"),
      join(directory, "root.squashfs"),
    ]);
    writeFileSync(join(directory, "image.json"), "{");
    expect(partsIn(nodeHost, directory)).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
