import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileServer, serveFiles } from "../../test/support/file-server.ts";
import type { Host } from "../host/host.ts";
import { nodeHost } from "../host/node.ts";
import { fetchFile, fetchIfThere, fetchResumed } from "./fetch-file.ts";

describe("by the real curl", () => {
  let directory: string;
  let server: FileServer;
  let path: string;
  const content = Array.from({ length: 5000 }, (_, index) => `${index}\n`).join("");
  /** A host whose pauses take no time. */
  const host: Host = { ...nodeHost, sleep: () => nodeHost.sleep(1) };
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "k3os-fetch-"));
    path = join(directory, "fetched");
    writeFileSync(join(directory, "served"), content);
    server = await serveFiles(directory);
  });
  afterEach(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  const restart = async (options: { ranges: boolean }) => {
    await server.close();
    server = await serveFiles(directory, options);
  };
  const fetched = () => readFileSync(path, "utf8");
  const resume = (size = content.length) => fetchResumed(host, { url: `${server.url}/served` }, path, size);

  it("fetchResumed goes on where the connection broke, as often as that happens", async () => {
    server.breakAfter(7000, 1, 9000);
    await resume();
    expect(fetched()).toBe(content);
    expect(server.requests).toEqual(["200 /served", "206 /served 7000-", "206 /served 7001-", "206 /served 16001-"]);
  });

  it("fetchResumed goes on after what an earlier run has left, and fetches nothing if that is all", async () => {
    writeFileSync(path, content.slice(0, 20_000));
    await resume();
    expect(fetched()).toBe(content);
    await resume();
    expect(server.requests).toEqual(["206 /served 20000-"]);
  });

  it("fetchResumed starts over if what is there is longer than the file", async () => {
    writeFileSync(path, `${content}${content}`);
    await resume();
    expect(fetched()).toBe(content);
  });

  it("fetchResumed starts over with a server that knows no ranges", async () => {
    await restart({ ranges: false });
    server.breakAfter(7000);
    await resume();
    expect(fetched()).toBe(content);
  });

  it("fetchResumed gives up a server that breaks every connection before anything came, and keeps what there is", async () => {
    writeFileSync(path, content.slice(0, 100));
    server.breakAfter(0, 0, 0, 0, 0, 0);
    await expect(resume()).rejects.toMatchObject({ kind: "network" });
    expect(fetched()).toBe(content.slice(0, 100));
    expect(server.requests).toHaveLength(5);
  });

  it("fetchResumed refuses a file of another size", async () => {
    await expect(resume(content.length + 1)).rejects.toThrow(
      `has ${content.length}, expected ${content.length + 1} bytes`,
    );
    await expect(resume(content.length - 1)).rejects.toThrow(`is larger, expected ${content.length - 1} bytes`);
    expect(nodeHost.stat(path)).toBeUndefined();
    await expect(fetchResumed(host, { url: `${server.url}/missing` }, path, 3)).rejects.toThrow("error: 404");
  });

  it("fetchIfThere tells what is missing from what cannot be reached", async () => {
    expect(await fetchIfThere(host, { url: `${server.url}/served` }, path)).toBe(true);
    expect(fetched()).toBe(content);
    expect(await fetchIfThere(host, { url: `${server.url}/missing` }, path)).toBe(false);
    expect(nodeHost.stat(path)).toBeUndefined();
    await expect(fetchIfThere(host, { url: "http://127.0.0.1:99999/" }, path)).rejects.toMatchObject({
      kind: "network",
    });
  });

  it("fetchFile leaves nothing where a fetch failed", async () => {
    writeFileSync(path, "old");
    await expect(fetchFile(host, `${server.url}/missing`, path)).rejects.toThrow("error: 404");
    expect(nodeHost.stat(path)).toBeUndefined();
  });
});
