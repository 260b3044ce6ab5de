import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { apiAnswers, rewriteKubeconfig } from "./kubernetes.ts";

it("leads kubectl to the forwarded port and changes nothing else", () => {
  const text =
    "clusters:\n- cluster:\n    certificate-authority-data: QQ==\n    server: https://127.0.0.1:6443\n  name: default\n";
  expect(rewriteKubeconfig(text, 40001)).toBe(text.replace("6443", "40001"));
});

it("takes a machine that accepts a connection and says nothing for one that does not answer", async () => {
  const held: Socket[] = [];
  const silent = createServer((socket) => void held.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  // Forces garbage collection, which must not delete the time limit.
  const litter = setInterval(() => void Array.from({ length: 300_000 }, (_, index) => ({ index })), 50);
  const { signal } = new AbortController();
  expect(await apiAnswers((silent.address() as AddressInfo).port, signal, 500)).toBe(false);
  clearInterval(litter);
  for (const socket of held) socket.destroy();
  silent.close();
});
