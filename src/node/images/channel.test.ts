import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FileServer, serveFiles } from "../../../test/support/file-server.ts";
import { sha256, writeImage } from "../../../test/support/images.ts";
import { hasSshKeygen, type Keys, keysIn } from "../../../test/support/keys.ts";
import { startOciRegistry } from "../../../test/support/oci-registry.ts";
import type { Host } from "../../host/host.ts";
import { nodeHost } from "../../host/node.ts";
import { type ChannelIndex, formatIndex, imagePath, imageTag } from "../../image/index-json.ts";
import { CHANNEL_TYPE, formatManifest } from "../../image/oci.ts";
import { silent } from "../../progress.ts";
import { type ChannelOptions, imagesInChannel, resolveChannel } from "./channel.ts";
import { openImage } from "./open.ts";
import { trustOf } from "./trust.ts";

const files = { vmlinuz: "kernel", initrd: "initial root", "root.squashfs": "the root" };

describe.runIf(hasSshKeygen)("a channel, by the real ssh-keygen and curl", () => {
  let root: string;
  let keys: Keys;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "k3os-channel-"));
    keys = keysIn(root);
    keys.certify("root", "release", "k3os-release");
    keys.certify("root", "channel", "k3os-channel");
    keys.certify("root", "next", "k3os-channel");
  });
  afterAll(() => rmSync(root, { recursive: true }));

  let source: string;
  let memory: string;
  let digest: string;
  let host: Host;
  beforeEach(() => {
    source = mkdtempSync(join(root, "source-"));
    memory = join(source, "../memory", source.slice(-6));
    host = { ...nodeHost, now: () => Date.UTC(2026, 10, 29) };
    digest = writeImage(join(source, "image"), files);
    const directory = join(source, imagePath({ version: "0.31.0", digest }));
    cpSync(join(source, "image"), directory, { recursive: true });
    keys.sign("release", "k3os-image", join(directory, "image.json"));
    publish();
  });

  /** Puts an index in place, and its signature. */
  const publish = (change: Partial<ChannelIndex> = {}, by = "channel") => {
    const release = { version: "0.31.0", digest, architecture: "amd64", kubernetes: "v1.37.2" } as const;
    const index: ChannelIndex = {
      ...{ format: 1, channel: "stable", version: 5, expires: "2036-01-01T00:00:00Z", releases: [release] },
      ...{ latest: "0.31.0", ...change },
    };
    const path = join(source, "channels", "stable.json");
    mkdirSync(join(source, "channels"), { recursive: true });
    rmSync(`${path}.sig`, { force: true });
    writeFileSync(path, formatIndex(index));
    if (by !== "") keys.sign(by, "k3os-channel", path);
  };
  /** Puts a list of revoked keys in place; returns its sum. */
  const revoke = (number: number, names: string[], by = "root") => {
    const path = join(source, "revoked.krl");
    rmSync(path, { force: true });
    rmSync(`${path}.sig`, { force: true });
    keys.revoke(path, number, ...names);
    keys.sign(by, "k3os-revoked", path);
    return sha256(readFileSync(path));
  };
  const trust = () => trustOf(host, { keys: [keys.public("root")] }, memory);
  const options = () => ({
    ...{ running: "0.30.0", trust: trust(), work: join(source, "work"), memory, progress: silent },
  });
  const ask = (place: string = source, more: Partial<ChannelOptions> = {}) =>
    resolveChannel(host, place, "stable", { ...options(), ...more });

  it("gives the latest image, which then opens", async () => {
    const { place, signer, release, trust: by } = await ask();
    expect(place).toBe(join(source, imagePath(release)));
    expect(signer).toMatch(/^SHA256:/);
    const options = { trust: by, digest, work: join(source, "work"), ifDamaged: "", progress: silent };
    expect(await openImage(host, place, options)).toMatchObject({ digest, signer: expect.stringMatching(/^SHA256:/) });
    expect(nodeHost.stat(memory)?.mode).toBe(0o700);
  });

  it("gives the image of the flavour that runs", async () => {
    const run = (flavour: string) => {
      const json = JSON.stringify({ flavour });
      const isOwn = (path: string) => path === "/usr/share/k3os/image.json";
      host = {
        ...host,
        stat: (path) => nodeHost.stat(isOwn(path) ? source : path),
        readText: (path) => (isOwn(path) ? json : nodeHost.readText(path)),
      };
    };
    const release = { version: "0.31.0", architecture: "amd64", kubernetes: "v1.37.2" } as const;
    const cloud = { ...release, digest, flavour: "cloud" };
    const metal = { ...release, digest: `sha256:${"0".repeat(64)}`, flavour: "metal" };
    publish({ releases: [cloud, metal] });
    run("cloud");
    expect((await ask()).release).toEqual(cloud);
    run("metal");
    expect((await ask()).release).toEqual(metal);
    run("mine");
    await expect(ask()).rejects.toMatchObject({ reason: "NoRelease" });
    const { running: _, ...asked } = options();
    expect(await imagesInChannel(host, source, "stable", asked)).toEqual([cloud, metal]);
    await expect(imagesInChannel(host, source, "stable", { ...asked, version: "9.9.9" })).rejects.toMatchObject({
      ...{ reason: "NoRelease", message: "the channel stable has no k3OS 9.9.9", hint: "It has: 0.31.0." },
    });
    publish({ releases: [cloud] });
    expect((await ask()).release).toEqual(cloud);
  });

  it("gives it from a web server", async () => {
    const server: FileServer = await serveFiles(source);
    try {
      const { place, trust: by } = await ask(`${server.url}/`);
      expect(place).toBe(`${server.url}/${imagePath({ version: "0.31.0", digest })}`);
      const image = await openImage(host, place, {
        ...{ trust: by, digest, work: join(source, "work"), ifDamaged: "", progress: silent },
      });
      expect(image.digest).toBe(digest);
    } finally {
      await server.close();
    }
  });

  it("gives it from a registry", async () => {
    const registry = await startOciRegistry();
    try {
      const push = (tag: string, directory: string, names: readonly string[]) => {
        const layers = names.map((name) => {
          const data = readFileSync(join(source, directory, name));
          registry.blobs.set(`sha256:${sha256(data)}`, data);
          return { name, digest: `sha256:${sha256(data)}`, size: data.length };
        });
        registry.manifests.set(`a/k3os:${tag}`, formatManifest(CHANNEL_TYPE, layers));
      };
      const release = { version: "0.31.0", digest };
      push("channel-stable", "channels", ["stable.json", "stable.json.sig"]);
      push(imageTag(release), imagePath(release), [...Object.keys(files), "image.json", "image.json.sig"]);
      const { place, trust: by } = await ask(`oci://${registry.name}/a/k3os`);
      expect(place).toBe(`oci://${registry.name}/a/k3os:${imageTag(release)}`);
      const options = { trust: by, digest, work: join(source, "work"), ifDamaged: "", progress: silent };
      expect((await openImage(host, place, options)).digest).toBe(digest);
    } finally {
      await registry.close();
    }
  });

  it("gives nothing by an index that a key of images has signed, or nobody", async () => {
    publish({}, "release");
    await expect(ask()).rejects.toThrow("name is not a listed principal");
    publish({}, "");
    await expect(ask()).rejects.toThrow("there is no signature of");
    const { signer } = await ask(source, { trust: { signers: "", name: "k3os.upgrade.keys", unsigned: true } });
    expect(signer).toBeUndefined();
  });

  it("gives nothing by an older index than this node has seen, unless another key begins anew", async () => {
    await ask();
    publish({ version: 4 });
    await expect(ask()).rejects.toMatchObject({ reason: "ChannelRollback" });
    publish({ version: 1 }, "next");
    expect((await ask()).digest).toBe(digest);
    publish({ version: 5 });
    expect((await ask()).digest).toBe(digest);
  });

  it("remembers an index even if it has no image for this node", async () => {
    publish({ version: 9, latest: "9.9.9" });
    await expect(ask()).rejects.toMatchObject({ reason: "NoRelease" });
    publish({ version: 8 });
    await expect(ask()).rejects.toMatchObject({ reason: "ChannelRollback" });
  });

  it("gives nothing by an index that has expired, even if the clock is behind the image that runs", async () => {
    publish({ expires: "2026-11-28T00:00:00Z" });
    await expect(ask()).rejects.toMatchObject({ reason: "ChannelStale" });
    host = { ...host, now: () => Date.UTC(2026, 10, 27) };
    expect((await ask()).digest).toBe(digest);
    const late = { ...trust(), notBefore: Date.UTC(2026, 10, 29) / 1000 };
    await expect(ask(source, { trust: late })).rejects.toMatchObject({ reason: "ChannelStale" });
  });

  it("learns which keys were revoked, and does not unlearn it", async () => {
    revoke(2, ["channel", "release"]);
    await expect(ask()).rejects.toThrow("or was revoked");
    revoke(1, ["stranger"]);
    await expect(ask()).rejects.toThrow("or was revoked");
    rmSync(join(source, "revoked.krl"));
    await expect(ask()).rejects.toThrow("or was revoked");
    publish({}, "next");
    const { place, trust: by } = await ask();
    const options = { trust: by, work: join(source, "work"), ifDamaged: "", progress: silent };
    await expect(openImage(host, place, options)).rejects.toThrow("or was revoked");
  });

  it("takes no list of revoked keys that a certified key has signed", async () => {
    revoke(2, ["next"], "channel");
    await expect(ask()).rejects.toThrow("revoked.krl is not signed by a key that k3os.upgrade.keys allows");
  });

  it("asks once more if somebody publishes between the index and its signature", async () => {
    const old = readFileSync(join(source, "channels/stable.json"));
    publish({ version: 6 });
    const index = join(source, "channels/stable.json");
    const next = readFileSync(index);
    writeFileSync(index, old);
    const pauses: number[] = [];
    const sleep = async (milliseconds: number) => {
      // `watch` looks at what programs write in shorter steps than this.
      if (milliseconds < 1000) return nodeHost.sleep(milliseconds);
      pauses.push(milliseconds);
      writeFileSync(index, next);
    };
    host = { ...host, sleep };
    expect((await ask()).digest).toBe(digest);
    expect(pauses).toEqual([1000]);
    writeFileSync(index, old);
    host = { ...host, sleep: async () => {} };
    await expect(ask()).rejects.toThrow("incorrect signature");
  });

  it("misses the list that the index names", async () => {
    publish({ revoked: revoke(1, ["stranger"]) });
    expect((await ask()).digest).toBe(digest);
    publish({ version: 6, revoked: "0".repeat(64) });
    await expect(ask()).rejects.toThrow("the list of revoked keys that the index names is not there");
  });

  it("says where it looked if there is nothing", async () => {
    rmSync(join(source, "channels"), { recursive: true });
    await expect(ask()).rejects.toThrow(`there is nothing at ${source}/channels/stable.json`);
  });

  it("asks for nothing if no key is known", async () => {
    const none = { signers: "", name: "k3os.upgrade.keys" };
    await expect(ask(source, { trust: none })).rejects.toThrow("no key is known that images are checked with");
  });

  it("begins anew after what it remembered was damaged", async () => {
    mkdirSync(memory, { recursive: true });
    writeFileSync(join(memory, "channels.json"), "{");
    expect((await ask()).digest).toBe(digest);
    expect(JSON.parse(readFileSync(join(memory, "channels.json"), "utf8"))).toMatchObject({ stable: {} });
  });

  afterEach(() => rmSync(source, { recursive: true }));
});
