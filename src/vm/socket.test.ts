import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { connectUnix } from "./socket.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-socket-"));
afterAll(() => rmSync(dir, { recursive: true }));

it("survives a connection that breaks", async () => {
  const path = join(dir, "breaks");
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = await connectUnix(path);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.emit("error", new Error("ECONNRESET")); // what the kernel tells when QEMU ends at once
  socket.destroy();
  await closed;
  server.close();
});

it("says so when nobody listens", async () => {
  await expect(connectUnix(join(dir, "none"))).rejects.toThrow("ENOENT");
});
