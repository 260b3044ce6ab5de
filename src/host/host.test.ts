import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostCases } from "./host.cases.ts";
import { memoryHost } from "./memory.ts";
import { nodeHost } from "./node.ts";

describe("node host", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "host-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  for (const { name, run } of hostCases) it(name, () => run(nodeHost, dir));

  it("knows the owner of a file by name and by number", () => {
    nodeHost.write(`${dir}/a`, "");
    const { uid, gid } = nodeHost.stat(dir) ?? { uid: 0, gid: 0 };
    nodeHost.chown(`${dir}/a`, `${uid}:${gid}`);
    expect(nodeHost.stat(`${dir}/a`)).toMatchObject({ uid, gid });
  });
});

describe("memory host", () => {
  for (const { name, programs, sh, run } of hostCases) {
    if (programs) continue;
    it(name, () => {
      const host = memoryHost(sh && { programs: { sh } });
      host.mkdir("/work");
      return run(host, "/work");
    });
  }

  it("answers programs from its script and records them", async () => {
    const host = memoryHost({ programs: { date: () => ({ stdout: "today\n" }) } });
    expect(await host.exec(["date", "-u"])).toEqual({ status: 0, stdout: "today\n", stderr: "" });
    expect(host.ran).toEqual([["date", "-u"]]);
  });
});
