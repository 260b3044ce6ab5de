import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { testUpgrader, writeImage } from "../../../test/support/images.ts";
import { hasSshKeygen, type Keys, keysIn } from "../../../test/support/keys.ts";
import { type OciRegistry, type RegistryOptions, startOciRegistry } from "../../../test/support/oci-registry.ts";
import { nodeHost } from "../../host/node.ts";
import { configOf, parseContainer } from "../../image/container.ts";
import type { ImageJson } from "../../image/image-json.ts";
import { type ChannelIndex, imageName, parseIndex } from "../../image/index-json.ts";
import { resolveChannel } from "../../node/images/channel.ts";
import { openImage } from "../../node/images/open.ts";
import type { Registries } from "../../node/images/registry.ts";
import { trustOf } from "../../node/images/trust.ts";
import { silent } from "../../progress.ts";
import { run } from "../exit.ts";
import { testIo } from "../test-io.ts";

/** The real one takes packages of Debian. */
vi.mock("./upgrader.ts", () => ({ upgraderFor: async (image: string) => testUpgrader(image) }));

const files = { vmlinuz: "kernel", initrd: "initial root", "root.squashfs": "root ".repeat(100) };

describe.runIf(hasSshKeygen)("./k3os publish, by the real ssh-keygen", () => {
  let root: string;
  let keys: Keys;
  let work: string;
  let image: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "k3os-publish-"));
    keys = keysIn(root);
    keys.certify("root", "release", "k3os-release");
    keys.certify("root", "channel", "k3os-channel");
    keys.certify("root", "expired", "k3os-release", "20200101000000Z:20200201000000Z");
  });
  afterAll(() => rmSync(root, { recursive: true }));
  beforeEach(() => {
    work = mkdtempSync(join(root, "work-"));
    image = join(work, "image");
    writeImage(image, files);
  });
  afterEach(() => rmSync(work, { recursive: true }));

  const publishTo = async (target: string, ...options: string[]) => {
    const io = testIo({ HOME: work, DOCKER_CONFIG: join(work, "docker") });
    const status = await run(["publish", target, ...options], io);
    return { status, out: io.out(), err: io.err() };
  };
  const withKeys = () => ["--key", keys.path("release"), "--channel-key", keys.path("channel")];
  const www = () => join(work, "www");
  const index = (name = "stable"): ChannelIndex =>
    parseIndex(readFileSync(join(www(), `channels/${name}.json`), "utf8"), "");

  /** What a node does with it, that knows the root key. */
  const upgrade = async (source: string, registries?: Registries) => {
    const memory = join(work, "memory");
    const options = { work: join(work, "node"), progress: silent, registries };
    const trust = trustOf(nodeHost, { keys: [keys.public("root")] }, memory);
    const chosen = await resolveChannel(nodeHost, source, "stable", { ...options, running: "0.30.0", trust, memory });
    return openImage(nodeHost, chosen.place, {
      ...{ ...options, trust: chosen.trust, digest: chosen.digest, ifDamaged: "" },
    });
  };

  it("puts an image into a directory, from which a node takes it", async () => {
    const { status, out } = await publishTo(www(), ...withKeys(), "--image", image, "--notes", "New.");
    expect(status).toBe(0);
    expect(out).toMatch(/www: stable 1, latest 0\.31\.0-[0-9a-f]{8}, until 20\d\d-/);
    expect(index().releases).toEqual([
      expect.objectContaining({ version: "0.31.0", architecture: "amd64", flavour: "cloud", notes: "New." }),
    ]);
    expect(await upgrade(www())).toMatchObject({ json: { version: "0.31.0" } });
  });

  it("counts the index up, keeps earlier images, and stores a part that two of them share once", async () => {
    await publishTo(www(), ...withKeys(), "--image", image);
    const next = join(work, "next");
    writeImage(next, { ...files, "root.squashfs": "another root" }, { version: "0.32.0" });
    await publishTo(www(), ...withKeys(), "--image", next, "--min-from", "0.31.0");
    await publishTo(www(), ...withKeys(), "--image", next, "--min-from", "0.31.0");
    const { version, releases, latest } = index();
    expect({ version, latest, of: releases.map((one) => one.version) }).toEqual({
      ...{ version: 3, latest: "0.32.0", of: ["0.31.0", "0.32.0"] },
    });
    const [first, second] = releases.map((one) => join(www(), "images", imageName(one)));
    expect(readdirSync(join(www(), "images"))).toHaveLength(2);
    expect(statSync(join(first ?? "", "vmlinuz")).ino).toBe(statSync(join(second ?? "", "vmlinuz")).ino);
    await expect(upgrade(www())).rejects.toMatchObject({ reason: "TooOld" });
  });

  it("has images for several processors in one channel, of which a node takes its own", async () => {
    await publishTo(www(), ...withKeys(), "--image", image);
    const other = join(work, "other");
    writeImage(other, files, { architecture: "arm64" });
    await publishTo(www(), ...withKeys(), "--image", other);
    expect(index().releases.map(({ architecture }) => architecture)).toEqual(["amd64", "arm64"]);
    expect((await upgrade(www())).json.architecture).toBe("amd64");
  });

  it("has images of several flavours in one channel, beside each other, and tells who waits for theirs", async () => {
    const of = (flavour: string, version = "0.31.0") => {
      const directory = join(work, `${flavour}-${version}`);
      writeImage(directory, files, { flavour, version });
      return publishTo(www(), ...withKeys(), "--image", directory);
    };
    const kinds = () => index().releases.map(({ version, flavour }) => `${version} ${flavour}`);
    await of("cloud");
    const { out, err } = await of("metal");
    expect(kinds()).toEqual(["0.31.0 cloud", "0.31.0 metal"]);
    const [cloud, metal] = index().releases.map(imageName);
    expect(out).toContain(`www: stable 2, latest ${cloud} (amd64 cloud), ${metal} (amd64 metal), until 20`);
    expect(err).not.toContain("has no 0.31.0");
    const next = await of("metal", "0.32.0");
    expect(kinds()).toEqual(["0.31.0 cloud", "0.31.0 metal", "0.32.0 metal"]);
    expect(next.err).toContain("k3os: stable has no 0.32.0 for amd64 cloud yet, so that its nodes stay as they are");
    expect((await publishTo(www(), "--renew", "--channel-key", keys.path("channel"))).err).not.toContain("has no");
  });

  it("tells whose images nodes of all flavours take, where the channel had some that tell none", async () => {
    const of = (flavour: string | undefined, version: string) => {
      const directory = join(work, `${flavour}-${version}`);
      writeImage(directory, files, { flavour, version } as Partial<ImageJson>);
      return publishTo(www(), ...withKeys(), "--image", directory);
    };
    const warning = "k3os: cloud is the only flavour that stable has for amd64, so all nodes take it";
    expect((await of(undefined, "0.31.0")).err).not.toContain("flavour");
    expect((await of("cloud", "0.32.0")).err).toContain(warning);
    expect((await of("metal", "0.32.0")).err).not.toContain("flavour");
  });

  it("repairs an image that is damaged where it was published", async () => {
    await publishTo(www(), ...withKeys(), "--image", image);
    const published = join(www(), "images", imageName(index().releases[0] ?? { version: "", digest: "" }));
    writeFileSync(join(published, "root.squashfs"), "x".repeat(500));
    await expect(upgrade(www())).rejects.toThrow("is damaged");
    await publishTo(www(), ...withKeys(), "--image", image);
    expect((await upgrade(www())).json.version).toBe("0.31.0");
  });

  it("takes one key for everything, if that is the one that nodes know", async () => {
    await publishTo(www(), "--key", keys.path("root"), "--image", image);
    expect((await upgrade(www())).signer).toMatch(/^SHA256:/);
  });

  it("renews the index alone, or the signatures of images, too", async () => {
    await publishTo(www(), ...withKeys(), "--image", image, "--expires", "1h");
    const before = index();
    const signature = () =>
      readFileSync(
        join(www(), "images", imageName(before.releases[0] ?? { version: "", digest: "" }), "image.json.sig"),
        "utf8",
      );
    const first = signature();
    expect((await publishTo(www(), "--renew", "--channel-key", keys.path("channel"))).status).toBe(0);
    expect(index()).toEqual({ ...before, version: 2, expires: expect.any(String) });
    expect(index().expires > before.expires).toBe(true);
    expect(signature()).toBe(first);
    keys.certify("root", "later", "k3os-release");
    await publishTo(www(), "--renew", "--key", keys.path("later"), "--channel-key", keys.path("channel"));
    expect(signature()).not.toBe(first);
    expect((await upgrade(www())).json.version).toBe("0.31.0");
  });

  it("publishes which keys were revoked, and keeps that", async () => {
    const list = join(work, "revoked.krl");
    keys.revoke(list, 1, "stolen");
    keys.sign("root", "k3os-revoked", list);
    await publishTo(www(), ...withKeys(), "--image", image, "--revoked", list);
    const { revoked } = index();
    expect(revoked).toMatch(/^[0-9a-f]{64}$/);
    await publishTo(www(), "--renew", "--channel-key", keys.path("channel"));
    expect(index().revoked).toBe(revoked);
    expect((await upgrade(www())).json.version).toBe("0.31.0");
    rmSync(join(www(), "revoked.krl"));
    rmSync(join(work, "memory"), { recursive: true });
    rmSync(join(work, "node"), { recursive: true });
    await expect(upgrade(www())).rejects.toThrow("the list of revoked keys that the index names is not there");
  });

  it("says which other channels have to be renewed for a new list of revoked keys", async () => {
    await publishTo(www(), ...withKeys(), "--image", image, "--channel", "edge");
    const list = join(work, "revoked.krl");
    keys.revoke(list, 1, "stolen");
    keys.sign("root", "k3os-revoked", list);
    const { err } = await publishTo(www(), ...withKeys(), "--image", image, "--revoked", list);
    expect(err).toContain("nodes of edge wait for an index that names the new list of revoked keys");
  });

  it("refuses what would cost nodes the whole index, before it puts anything there", async () => {
    for (const [option, value] of [
      ["--notes", "x".repeat(2001)],
      ["--min-from", "not a version!"],
    ] as const) {
      expect(await publishTo(www(), ...withKeys(), "--image", image, option, value)).toMatchObject({ status: 2 });
    }
    expect(readdirSync(work)).not.toContain("www");
  });

  it("names the last build of a version, which is what nodes take", async () => {
    await publishTo(www(), ...withKeys(), "--image", image);
    writeImage(image, { ...files, "root.squashfs": "another root" });
    const { out } = await publishTo(www(), ...withKeys(), "--image", image);
    const { releases } = index();
    expect(releases).toHaveLength(2);
    expect(out).toContain(`latest ${imageName(releases.at(-1) as ChannelIndex["releases"][number])}, until`);
  });

  it("prints the index as JSON, and nothing else", async () => {
    const { out } = await publishTo(www(), ...withKeys(), "--image", image, "--json", "--channel", "edge");
    expect(JSON.parse(out)).toMatchObject({ target: www(), channel: "edge", version: 1, latest: "0.31.0" });
    expect(index("edge").channel).toBe("edge");
  });

  it.each([
    ["no key", [], "Nothing says which key signs."],
    ["a key that is not there", ["--key", "/nowhere/key"], "There is no key /nowhere/key."],
    ["a time that is none", ["--key", "k", "--expires", "soon"], "Expected a duration from 1h to 3650d"],
    ["a channel that is a path", ["--key", "k", "--channel", "../x"], "Expected the name of a channel"],
    ["nothing to renew", ["--renew", "--channel-key", "KEY"], "There is no channel stable in"],
    ["an image and --renew", ["--renew", "--key", "KEY", "--image", "x"], "--renew publishes no image"],
    ["a key of images for the index", ["--key", "RELEASE"], "is for k3os-release, not for k3os-channel."],
    [
      "a certificate that has expired",
      ["--key", "EXPIRED", "--channel-key", "KEY"],
      "expired-cert.pub has expired on 2020-02-01T00:00:00Z.",
    ],
    [
      "a directory without an image",
      ["--key", "KEY", "--image", "/nowhere"],
      "/nowhere is no directory with an image.",
    ],
    ["no signature of the revoked keys", ["--key", "KEY", "--revoked", "/nowhere"], "/nowhere or its signature"],
  ])("refuses %s, and publishes nothing", async (_, options, want) => {
    const named: Readonly<Record<string, string>> = { KEY: "root", RELEASE: "release", EXPIRED: "expired" };
    const given = options.map((option) => (named[option] === undefined ? option : keys.path(named[option])));
    const { status, err } = await publishTo(www(), ...given);
    expect(status).not.toBe(0);
    expect(err).toContain(want);
    expect(nodeHost.stat(join(www(), "channels"))).toBeUndefined();
  });

  it("refuses an image that is damaged", async () => {
    writeFileSync(join(image, "initrd"), "something else");
    const { err } = await publishTo(www(), ...withKeys(), "--image", image);
    expect(err).toContain("initrd is not the file that image.json beside it describes");
  });

  it("refuses a target that names a tag", async () => {
    const { status, err } = await publishTo("oci://a/b:1", ...withKeys(), "--image", image);
    expect([status, err]).toEqual([2, expect.stringContaining("names one artefact, not a repository")]);
  });

  describe("to a registry", () => {
    let registry: OciRegistry;
    const start = async (options: RegistryOptions = {}) => {
      registry = await startOciRegistry(options);
      return `oci://${registry.name}/team/k3os`;
    };
    const logIn = (user: string, password: string) => {
      mkdirSync(join(work, "docker"));
      const auth = Buffer.from(`${user}:${password}`).toString("base64");
      writeFileSync(join(work, "docker/config.json"), JSON.stringify({ auths: { [registry.name]: { auth } } }));
    };
    afterEach(() => registry.close());

    /** The container images behind the tags of releases, each layer and config of which the registry has. */
    const containersIn = ({ manifests, blobs }: OciRegistry) =>
      [...manifests]
        .filter(([name]) => /^[^:]+:\d/.test(name))
        .map(([name, manifest]) => {
          const config = blobs.get(configOf(manifest, name))?.toString() ?? "";
          const container = parseContainer(manifest, config, name);
          for (const { digest } of container.layers) expect(blobs.has(digest)).toBe(true);
          return container;
        });

    it("pushes what a node then takes, and no part twice", async () => {
      const target = await start();
      expect(await publishTo(target, ...withKeys(), "--image", image)).toMatchObject({ status: 0 });
      expect((await upgrade(target)).json.version).toBe("0.31.0");
      registry.requests.length = 0;
      const next = join(work, "next");
      writeImage(next, { ...files, "root.squashfs": "another root" }, { version: "0.32.0" });
      await publishTo(target, ...withKeys(), "--image", next);
      expect((await upgrade(target)).json.version).toBe("0.32.0");
      const sent = registry.requests.filter((one) => one.startsWith("PUT") && one.includes("/blobs/uploads/"));
      // The root, image.json, the config, and the two signatures and the index; not the kernel, the initrd and the
      // command again.
      expect(sent).toHaveLength(6);
    });

    it("renews signatures there", async () => {
      const target = await start();
      await publishTo(target, ...withKeys(), "--image", image);
      keys.certify("root", "later", "k3os-release");
      const renewed = await publishTo(
        target,
        "--renew",
        "--key",
        keys.path("later"),
        "--channel-key",
        keys.path("channel"),
      );
      expect(renewed.status).toBe(0);
      expect((await upgrade(target)).json.version).toBe("0.31.0");
      expect(containersIn(registry).map(({ layers }) => layers.map(({ name }) => name))).toEqual([
        [undefined, "vmlinuz", "initrd", "root.squashfs", "image.json", "image.json.sig"],
      ]);
    });

    it.each(["basic", "bearer"] as const)("logs in as docker does, by %s", async (scheme) => {
      const target = await start({ scheme, user: "robot", password: "a:b" });
      logIn("robot", "a:b");
      expect(await publishTo(target, ...withKeys(), "--image", image)).toMatchObject({ status: 0 });
      const auth = { username: "robot", password: "a:b" };
      expect((await upgrade(target, { configs: { [registry.name]: { auth } } })).json.version).toBe("0.31.0");
    });

    it("follows where a registry keeps its blobs, without the login", async () => {
      const target = await start({ scheme: "basic", user: "robot", password: "a:b", redirects: true });
      logIn("robot", "a:b");
      for (const options of [["--image", image], ["--image", image], ["--renew"]]) {
        expect(await publishTo(target, ...withKeys(), ...options)).toMatchObject({ status: 0 });
      }
    });

    it("finds the lasting logins of podman, also one for a part of the registry", async () => {
      const target = await start({ scheme: "basic", user: "robot", password: "a:b" });
      mkdirSync(join(work, ".config/containers"), { recursive: true });
      const auths = { [`${registry.name}/team`]: { auth: Buffer.from("robot:a:b").toString("base64") } };
      writeFileSync(join(work, ".config/containers/auth.json"), JSON.stringify({ auths }));
      expect(await publishTo(target, ...withKeys(), "--image", image)).toMatchObject({ status: 0 });
    });

    it("says how to log in if it was not let in", async () => {
      const target = await start({ scheme: "basic", user: "robot", password: "a:b" });
      const { status, err } = await publishTo(target, ...withKeys(), "--image", image);
      expect(status).toBe(1);
      expect(err).toContain(`docker login ${registry.name}`);
    });
  });
});
