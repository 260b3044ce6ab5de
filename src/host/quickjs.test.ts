import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleForQuickjs } from "../build/bundle.ts";
import { toolsTree } from "../build/index.ts";
import { hostCases } from "./host.cases.ts";
import { nodeHost } from "./node.ts";
import { run } from "./run.ts";

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

  for (const [index, { name }] of hostCases.entries()) {
    it(name, () => expect(tap.split("\n")).toContain(`ok ${index + 1} - ${name}`));
  }
});

describe("the node's programs", () => {
  it("are understood by QuickJS", async () => {
    const tools = await toolsTree();
    const program = join(dir, "k3os.js");
    writeFileSync(program, await bundleForQuickjs(join(import.meta.dirname, "../node/main.ts")));
    const { argv, env } = tools.command(["qjs", "-m", program, "--help"]);
    expect(await run(nodeHost, argv, { env })).toContain("Usage: k3os COMMAND");
  }, 300_000);
});
