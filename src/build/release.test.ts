import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silent } from "../progress.ts";
import { k3sReleases } from "./release.ts";
import { runRecipe, type Work } from "./steps.ts";
import { openStore, type Store } from "./store.ts";

const version = "v1.34.1+k3s1";
const binary = Buffer.from("#!/bin/sh\necho k3s\n".repeat(1000));
const sha256 = createHash("sha256").update(binary).digest("hex");
const sums = `${"1".repeat(64)}  k3s-airgap-images-amd64.tar\n${sha256}  k3s\n`;

let root: string;
let store: Store;
let server: Server;
let files: Record<string, string | Buffer | RequestListener>;
let asked: string[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "release-"));
  store = openStore(root);
  asked = [];
  files = { "sha256sum-amd64.txt": sums, k3s: binary };
  server = createServer((request, response) => {
    const [, directory = "", name = ""] = decodeURIComponent(request.url ?? "").split("/");
    const file = directory === version ? files[name] : undefined;
    asked.push(name);
    if (typeof file === "function") file(request, response);
    else if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});

function fetchRelease({
  wanted = version,
  offline = false,
  locked = undefined as { version: string; sha256: string } | undefined,
} = {}) {
  const baseUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return runRecipe({ store, progress: silent, makers: { test: "" } }, async ({ run, signal }) => {
    const releases = k3sReleases({
      architecture: "amd64",
      store,
      baseUri,
      signal,
      offline,
      locked,
      patience: { timeoutSeconds: 1, retries: 0 },
    });
    const release = await releases.resolve(wanted);
    const make = (work: Work) => releases.fetch(work, release);
    return run({ name: "k3s", title: "k3s", maker: "test", parts: release, make });
  });
}

const madeNothing = () =>
  readdirSync(store.directory("store")).length === 0 && readdirSync(store.directory("unfinished")).length === 0;

describe("an official k3s release", () => {
  it("is fetched, checked, made executable, and asked for once", async () => {
    const directory = await fetchRelease();
    expect(readFileSync(join(directory, "k3s"))).toEqual(binary);
    expect(statSync(join(directory, "k3s")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(directory, "version"), "utf8")).toBe(version);
    expect(asked).toEqual(["sha256sum-amd64.txt", "k3s"]);
    expect(await fetchRelease({ offline: true })).toBe(directory);
    expect(asked).toHaveLength(2);
  });

  it("stops the build when it is not what its sums say", async () => {
    files.k3s = Buffer.from(binary.map((byte, index) => (index === 500 ? byte ^ 1 : byte)));
    await expect(fetchRelease()).rejects.toMatchObject({
      kind: "integrity",
      message: expect.stringContaining(version),
    });
    expect(madeNothing()).toBe(true);
  });

  it("stops the build when it is not the one of the lock", async () => {
    const locked = { version, sha256: "2".repeat(64) };
    await expect(fetchRelease({ locked })).rejects.toMatchObject({ kind: "integrity" });
    expect(asked).not.toContain("sha256sum-amd64.txt");
  });

  it("is refused when its sums do not name the binary", async () => {
    files["sha256sum-amd64.txt"] = "<html>Please log in</html>";
    await expect(fetchRelease()).rejects.toMatchObject({ kind: "integrity", message: expect.stringContaining("sums") });
    files["sha256sum-amd64.txt"] = sums;
    await expect(fetchRelease()).resolves.toBeTruthy();
  });

  it("that does not exist is named, with the way to those that do", async () => {
    await expect(fetchRelease({ wanted: "v1.99.0+k3s1" })).rejects.toMatchObject({
      kind: "network",
      message: expect.stringContaining("There is no k3s v1.99.0+k3s1"),
      hint: expect.stringContaining("releases"),
    });
  });

  it("that breaks off in the middle leaves nothing", async () => {
    files.k3s = (_, response) => {
      response.writeHead(200, { "content-length": binary.length });
      response.write(binary.subarray(0, 1000), () => response.destroy());
    };
    await expect(fetchRelease()).rejects.toMatchObject({ kind: expect.stringMatching(/network|integrity/) });
    expect(madeNothing()).toBe(true);
  });

  it("that stalls is given up", async () => {
    files.k3s = (_, response) => {
      response.writeHead(200, { "content-length": binary.length });
      response.write(binary.subarray(0, 1000));
    };
    await expect(fetchRelease()).rejects.toMatchObject({ kind: "network" });
    expect(madeNothing()).toBe(true);
  });

  it("needs no network only if it was fetched before", async () => {
    await expect(fetchRelease({ offline: true })).rejects.toMatchObject({ kind: "network", hint: expect.any(String) });
    expect(asked).toEqual([]);
  });
});
