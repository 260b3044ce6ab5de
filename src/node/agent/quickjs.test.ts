import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiServer, type Exchange, serveApi } from "../../../test/support/api-server.ts";
import { authorityIn } from "../../../test/support/certificates.ts";
import { bundleForQuickjs } from "../../build/bundle.ts";
import { toolsTree } from "../../build/index.ts";
import { nodeHost } from "../../host/node.ts";
import { lineSplitter } from "./lines.ts";

let directory: string;
let server: ApiServer;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "k3os-agent-"));
});
afterAll(async () => {
  await server.goAway();
  rmSync(directory, { recursive: true });
});

/** As `watch.test.ts`, but in the node's own QuickJS: what differs there are pipes, processes and timers. */
it("the watch follows the API in QuickJS, over broken connections, and stops", async () => {
  const authority = authorityIn(directory, "authority");
  const kubelet = authority.issue("kubelet", "/O=system:nodes/CN=system:node:a");
  server = await serveApi(authority, authority.issue("server", "/CN=server"));
  const tools = await toolsTree();
  const program = join(directory, "program.js");
  writeFileSync(program, await bundleForQuickjs(join(import.meta.dirname, "quickjs.cases.ts")));
  const version = { resourceVersion: "1" };
  const watches: Record<string, Exchange> = {};
  let tell = () => {};
  server.otherwise((exchange) => {
    if (exchange.query.get("watch") === null) return exchange.answer(200, { metadata: version, items: [] });
    exchange.send("");
    watches[exchange.path] = exchange;
    tell();
  });
  const told = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      tell = () => condition() && resolve();
      tell();
    });
  const said: string[] = [];
  const split = lineSplitter(10_000);
  const { argv, env } = tools.command([
    "qjs",
    "-m",
    program,
    server.url,
    authority.certificate,
    kubelet.certificate,
    kubelet.key,
  ]);
  const child = nodeHost.spawn(argv, {
    env,
    timeoutMs: 30_000,
    onChunk(chunk) {
      said.push(...split(chunk).lines);
      tell();
    },
  });
  const send = (path: string, name: string, text = "") =>
    watches[path]?.send(
      `${JSON.stringify({ type: "ADDED", object: { metadata: { name, resourceVersion: name }, text } })}\n`,
    );
  await told(() => Object.keys(watches).length === 2);
  send("/apples", "red", "grün😀".repeat(50_000));
  await told(() => said.at(-1) === "true red:300000 ");
  const { ...first } = watches;
  first["/apples"]?.cut();
  await told(() => Object.entries(watches).every(([path, exchange]) => exchange !== first[path]));
  expect(Object.values(watches).map(({ query }) => query.get("resourceVersion"))).toEqual(["red", "1"]);
  const patched = server.next("/pears/end/status");
  send("/pears", "end");
  const patch = await patched;
  expect([patch.body, patch.user]).toEqual(['{"text":"grün"}', "system:node:a"]);
  patch.answer(200, {});
  expect(await child.ended).toBe(0);
}, 60_000);
