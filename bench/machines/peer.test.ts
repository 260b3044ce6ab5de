import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseBaseSpec } from "../../src/image/spec.ts";

it("describes the peer with the keys of os/base.yaml", () => {
  const names = { architecture: "amd64", host: "amd64" } as const;
  const name = "bench/machines/peer/peer.yaml";
  expect(parseBaseSpec(readFileSync(name, "utf8"), name, names).packages).toContain("systemd");
});
