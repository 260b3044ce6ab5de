import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { putContainer, sha256, writeImage } from "../../../test/support/images.ts";
import { type OciRegistry, type RegistryOptions, startOciRegistry } from "../../../test/support/oci-registry.ts";
import { tar } from "../../formats/tar.ts";
import { nodeHost } from "../../host/node.ts";
import { DOCKER_MANIFEST_TYPE, formatManifest, LAYER_FILE, LAYER_FILES, LAYER_TYPE } from "../../image/oci.ts";
import { silent } from "../../progress.ts";
import { openImage } from "./open.ts";
import type { Registries } from "./registry.ts";

/** An archive with this text in the place of another one's file. */
function tarOf(text: string, other: Buffer): Buffer {
  const name = other.toString("latin1", 0, other.indexOf(0));
  return Buffer.from(tar([{ path: name, data: Buffer.from(text) }]));
}

const files = { vmlinuz: "kernel", initrd: "initial root", "root.squashfs": "the root" };

describe("an image in a registry, by the real curl", () => {
  let directory: string;
  let registry: OciRegistry;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "k3os-registry-"));
  });
  afterEach(async () => {
    await registry.close();
    rmSync(directory, { recursive: true });
  });

  /** Starts a registry that has the image as `k3os:1`, and returns the digest of the manifest. */
  const start = async (options: RegistryOptions = {}) => {
    registry = await startOciRegistry(options);
    writeImage(join(directory, "image"), files);
    return `sha256:${sha256(await putContainer(registry, "k3os:1", join(directory, "image")))}`;
  };
  const open = (place: string, registries?: Registries) =>
    openImage(nodeHost, place, { work: join(directory, "work"), ifDamaged: "", progress: silent, registries });
  const version = async (place: string, registries?: Registries) => (await open(place, registries)).json.version;

  it("is fetched by its tag, and by the digest of its manifest", async () => {
    const digest = await start();
    expect(await version(`oci://${registry.name}/k3os:1`)).toBe("0.31.0");
    expect(registry.requests).toContain("GET 200 /v2/k3os/manifests/1");
    expect(await version(`oci://${registry.name}/k3os@${digest}`)).toBe("0.31.0");
  });

  const put = (pack: (data: Buffer) => Buffer, type = LAYER_TYPE) =>
    putContainer(registry, "k3os:1", join(directory, "image"), (data) => ({ data: pack(data), type }));

  it("is fetched if whoever has pushed it has compressed the layers", async () => {
    await start();
    await put(gzipSync, `${LAYER_TYPE}+gzip`);
    expect(await version(`oci://${registry.name}/k3os:1`)).toBe("0.31.0");
    expect(readdirSync(join(directory, "work/image")).sort()).toEqual(["image.json", ...Object.keys(files)].sort());
    expect(readFileSync(join(directory, "work/image/root.squashfs"), "utf8")).toBe("the root");
  });

  it("is fetched if docker has pushed it, which leaves out annotations", async () => {
    await start();
    await put(gzipSync, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    const { config: _, layers, ...rest } = JSON.parse(registry.manifests.get("k3os:1") ?? "");
    const command = { ...layers[0], digest: `sha256:${sha256("command")}` };
    const names = layers.map((layer: { annotations: Record<string, string> }) => layer.annotations[LAYER_FILE]);
    const config = JSON.stringify({ config: { Labels: { [LAYER_FILES]: ["", ...names].join(",") } } });
    registry.blobs.set(`sha256:${sha256(config)}`, Buffer.from(config));
    const bare = [command, ...layers].map(({ mediaType, size, digest }) => ({ mediaType, size, digest }));
    const pushed = {
      ...rest,
      mediaType: DOCKER_MANIFEST_TYPE,
      config: { digest: `sha256:${sha256(config)}` },
      layers: bare,
    };
    registry.manifests.set("k3os:1", JSON.stringify(pushed));
    expect(await version(`oci://${registry.name}/k3os:1`)).toBe("0.31.0");
    registry.blobs.set(`sha256:${sha256(config)}`, Buffer.from("{}"));
    await expect(version(`oci://${registry.name}/k3os:1`)).rejects.toThrow("is something else than its digest says");
  });

  it("goes on where a download of a layer was interrupted, and starts over if that was of another one", async () => {
    await start();
    const part = `work/image/root.squashfs.${sha256("the root").slice(0, 8)}.part`;
    for (const begin of [(layer: Buffer) => layer.subarray(0, 700), () => Buffer.from("of another one".repeat(60))]) {
      rmSync(join(directory, "work"), { recursive: true, force: true });
      await put((data) => {
        if (!data.includes("root.squashfs\0")) return data;
        nodeHost.mkdir(join(directory, "work/image"));
        writeFileSync(join(directory, part), begin(data));
        return data;
      });
      expect(await version(`oci://${registry.name}/k3os:1`)).toBe("0.31.0");
      expect(readFileSync(join(directory, "work/image/root.squashfs"), "utf8")).toBe("the root");
    }
  });

  it.each([
    [
      "holds another file",
      (data: Buffer) => Buffer.from(data.toString("latin1").replace("the root", "The root")),
      "is damaged",
    ],
    ["holds more than the file", (data: Buffer) => tarOf("the root and more", data), "has more than 8 bytes"],
    ["is no archive", (data: Buffer) => Buffer.alloc(data.length, "x"), "cannot be unpacked"],
    ["is much too large", (data: Buffer) => Buffer.concat([data, Buffer.alloc(200_000)]), "expected at most"],
  ])("is refused if a layer %s", async (_, change, message) => {
    await start();
    await put((data) => (data.includes("root.squashfs\0") ? change(data) : data));
    await expect(open(`oci://${registry.name}/k3os:1`)).rejects.toMatchObject({
      kind: "integrity",
      message: expect.stringContaining(message),
    });
  });

  it("is refused if the registry has another manifest than the digest says", async () => {
    const digest = await start();
    registry.manifests.set(`k3os:${digest}`, formatManifest("application/x", []));
    await expect(open(`oci://${registry.name}/k3os@${digest}`)).rejects.toMatchObject({
      kind: "integrity",
      message: expect.stringContaining("is something else than its digest says"),
    });
  });

  it("is not there if there is no such tag", async () => {
    await start();
    await expect(open(`oci://${registry.name}/k3os:2`)).rejects.toThrow(
      `there is nothing at oci://${registry.name}/k3os:2`,
    );
  });

  it("is one of several in an index, by the processor", async () => {
    const digest = await start();
    const manifests = [{ digest, platform: { architecture: "amd64", os: "linux" } }];
    registry.manifests.set("k3os:all", JSON.stringify({ manifests }));
    expect(await version(`oci://${registry.name}/k3os:all`)).toBe("0.31.0");
  });

  const login = { username: "robot", password: 'pa"ss:word' };
  const coded = { auth: Buffer.from(`${login.username}:${login.password}`).toString("base64") };
  const account = { user: login.username, password: login.password };
  it.each([
    ["with a token for everybody", { scheme: "bearer" }, {}],
    ["with a token for a user", { scheme: "bearer", ...account }, login],
    ["with a password", { scheme: "basic", ...account }, login],
    ["with a password as docker keeps it", { scheme: "basic", ...account }, coded],
    ["with a token of identity", { scheme: "bearer", refresh: "who I am" }, { identity_token: "who I am" }],
  ] as const)("is fetched %s", async (_, options, auth) => {
    await start(options);
    expect(await version(`oci://${registry.name}/k3os:1`, { configs: { [registry.name]: { auth } } })).toBe("0.31.0");
  });

  it.each([
    ["nobody says who asks", "bearer", {}],
    ["the password is wrong", "bearer", { auth: { username: "robot", password: "x" } }],
    ["nobody says who asks, and a password is wanted", "basic", {}],
  ] as const)("is refused if %s", async (_, scheme, config) => {
    await start({ scheme, ...account });
    await expect(open(`oci://${registry.name}/k3os:1`, { configs: { [registry.name]: config } })).rejects.toMatchObject(
      {
        kind: "network",
        message: expect.stringContaining("the registry wants to know who asks"),
        hint: expect.stringContaining("k3os.registries.configs"),
      },
    );
  });

  it("comes from a mirror, which may call it something else and speak plain HTTP", async () => {
    await start();
    const mirrors = {
      "registry.example.com": { endpoint: [`http://${registry.name}`], rewrite: { "^team/(.*)$": "$1" } },
    };
    expect(await version("oci://registry.example.com/team/k3os:1", { mirrors })).toBe("0.31.0");
  });

  it("is not looked for by a pattern that is none", async () => {
    await start();
    const mirrors = { "*": { rewrite: { "(": "x" } } };
    await expect(open(`oci://${registry.name}/k3os:1`, { mirrors })).rejects.toMatchObject({ kind: "config" });
  });

  it("comes from the registry itself if the mirror has none", async () => {
    await start();
    const empty = await startOciRegistry();
    try {
      const mirrors = { "*": { endpoint: [`http://${empty.name}`] } };
      expect(await version(`oci://${registry.name}/k3os:1`, { mirrors })).toBe("0.31.0");
      expect(empty.requests).toEqual(["GET 404 /v2/k3os/manifests/1"]);
    } finally {
      await empty.close();
    }
  });
});
