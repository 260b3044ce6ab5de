import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { connectQmp } from "./qmp.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-qmp-"));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, "qmp.sock");
let server: Server | undefined;
afterEach(() => server?.close());

/** A fake QEMU that sends an event between its answers. */
async function fakeQemu(): Promise<void> {
  server = createServer((socket) => {
    socket.write('{"QMP": {"version": {}, "capabilities": []}}\r\n');
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.trim().split("\n")) {
        const { execute, id } = JSON.parse(line);
        if (execute === "quit") return socket.end();
        socket.write('{"event": "RESUME"}\r\n');
        const answer =
          execute === "nonsense" ? { error: { class: "CommandNotFound", desc: "not found" } } : { return: { execute } };
        socket.write(`${JSON.stringify({ ...answer, id })}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
}

it("runs commands and tells refusals", async () => {
  await fakeQemu();
  const qmp = await connectQmp(path);
  expect(await qmp.execute("query-status")).toEqual({ execute: "query-status" });
  await expect(qmp.execute("nonsense")).rejects.toThrow("QEMU refused: not found");
  qmp.close();
});

it("does not wait for an answer that cannot come", async () => {
  await fakeQemu();
  const qmp = await connectQmp(path);
  await expect(qmp.execute("quit")).rejects.toThrow("QEMU closed its control socket.");
  await qmp.closed;
  await expect(qmp.execute("query-status")).rejects.toThrow("QEMU closed its control socket.");
});

it("does not wait for ever for a QEMU that is stopped, or talks with somebody else", async () => {
  server = createServer(() => {});
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  await expect(connectQmp(path, 50)).rejects.toThrow("QEMU closed its control socket.");
});

it("takes a QEMU that ends without having read what it was sent for one that hung up", async () => {
  server = createServer({ pauseOnConnect: true }, (socket) => setTimeout(() => socket.destroy(), 50));
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  await expect(connectQmp(path)).rejects.toThrow("QEMU closed its control socket.");
});

it("says so when nobody listens", async () => {
  await expect(connectQmp(join(dir, "none.sock"))).rejects.toThrow(/ENOENT/);
});
