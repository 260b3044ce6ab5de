import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleForQuickjs, bundleNode } from "../build/bundle.ts";
import { toolsTree } from "../build/index.ts";
import { hostCases, quickjsCases } from "./host.cases.ts";
import { nodeHost } from "./node.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-quickjs-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The same cases as for the other hosts, bundled as the node's programs are and run by the node's own QuickJS. */
describe("QuickJS host", () => {
  let tap = "";

  beforeAll(async () => {
    const tools = await toolsTree();
    writeFileSync(join(dir, "cases.js"), await bundleForQuickjs(join(import.meta.dirname, "quickjs.cases.ts")));
    const { argv, env } = tools.command(["qjs", "-m", join(dir, "cases.js"), dir]);
    tap = (await nodeHost.exec(argv, { env })).stdout;
  }, 300_000);

  for (const [index, { name }] of [...hostCases, ...quickjsCases].entries()) {
    it(name, () => expect(tap.split("\n")).toContain(`ok ${index + 1} - ${name}`));
  }
});

describe("the node's programs", () => {
  const project = join(import.meta.dirname, "../..");
  const k3os = async (...args: string[]) => {
    const tools = await toolsTree();
    for (const [name, text] of (await bundleNode(project, "amd64")).k3os) writeFileSync(join(dir, name), text);
    // As the node starts it: the kernel hands the first line's option and the file over.
    const text = readFileSync(join(project, "os/rootfs/usr/bin/k3os"), "utf8");
    const option = /^#!\/usr\/bin\/qjs (.*)$/m.exec(text)?.[1] ?? "";
    writeFileSync(join(dir, "k3os"), text.replace("/usr/lib/k3os/", `${dir}/`));
    const { argv, env } = tools.command(["qjs", option, join(dir, "k3os"), ...args]);
    return nodeHost.exec(argv, { env });
  };

  it("are understood by QuickJS", async () => {
    expect(await k3os("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage: k3os COMMAND") });
  }, 300_000);

  it("load the parts that a command needs, and tell what is wrong", async () => {
    for (const command of ["apply", "config", "status", "reset", "trial", "pods", "agent"]) {
      expect(await k3os(command, "--nonsense")).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('k3os: unexpected "--nonsense"'),
      });
    }
  }, 300_000);
});
