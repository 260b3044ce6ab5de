import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256, writeImage } from "../../../test/support/images.ts";
import { type OciRegistry, type RegistryOptions, startOciRegistry } from "../../../test/support/oci-registry.ts";
import { nodeHost } from "../../host/node.ts";
import { formatManifest, IMAGE_TYPE } from "../../image/oci.ts";
import { silent } from "../../progress.ts";
import { openImage } from "./open.ts";
import type { Registries } from "./registry.ts";

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
    const names = [...Object.keys(files), "image.json"];
    const layers = names.map((name) => {
      const data = Buffer.from(nodeHost.read(join(directory, "image", name)));
      registry.blobs.set(`sha256:${sha256(data)}`, data);
      return { name, digest: `sha256:${sha256(data)}`, size: data.length };
    });
    const manifest = formatManifest(IMAGE_TYPE, layers);
    const digest = `sha256:${sha256(manifest)}`;
    for (const tag of ["1", digest]) registry.manifests.set(`k3os:${tag}`, manifest);
    return digest;
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

  it("is refused if the registry has another manifest than the digest says", async () => {
    const digest = await start();
    registry.manifests.set(`k3os:${digest}`, formatManifest(IMAGE_TYPE, []));
    await expect(open(`oci://${registry.name}/k3os@${digest}`)).rejects.toMatchObject({
      kind: "integrity",
      message: expect.stringContaining("is another manifest than its digest says"),
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
