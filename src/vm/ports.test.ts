import { createServer } from "node:net";
import { expect, it } from "vitest";
import { checkPort, freePort } from "./ports.ts";

it("finds a free port, and refuses one that is taken", async () => {
  const port = await freePort();
  expect(await checkPort(port, "ssh")).toBe(port);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await expect(checkPort(port, "ssh")).rejects.toThrow(`Port ${port}, wanted for ssh, is taken.`);
  server.close();
});
