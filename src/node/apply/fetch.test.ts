import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { fetchText } from "./fetch.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "k3os-fetch-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The environment of curl, with these files in place of the node's. */
async function environment(files: Readonly<Record<string, string>>): Promise<string[]> {
  let script = "";
  const sh = ([, , text = ""]: readonly string[]) => {
    script = text;
    return {};
  };
  await fetchText(memoryHost({ programs: { sh } }), "https://example.com/");
  const places = { "/etc/environment": "environment", "/etc/rancher/k3s/k3s-service.env": "service" };
  for (const [path, name] of Object.entries(places)) {
    script = script.replaceAll(path, join(directory, name));
    if (files[path] !== undefined) writeFileSync(join(directory, name), files[path]);
  }
  return execFileSync("sh", ["-c", script, "fetch", "env"], { encoding: "utf8" }).split("\n");
}

it("a fetch goes by the proxy of the config, also by one with a password, which k3s alone has", async () => {
  const open = { "/etc/environment": "no_proxy=a\n" };
  expect(await environment(open)).toContain("no_proxy=a");
  const told = await environment({ ...open, "/etc/rancher/k3s/k3s-service.env": "https_proxy='http://me:pw@p'\n" });
  expect(told).toEqual(expect.arrayContaining(["no_proxy=a", "https_proxy=http://me:pw@p"]));
});
