import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ARCHITECTURE } from "../../src/image/architecture.ts";
import { parseBaseSpec } from "../../src/image/spec.ts";

it("describes the peer with the keys of os/base.yaml", () => {
  const name = "bench/machines/peer/peer.yaml";
  expect(parseBaseSpec(readFileSync(name, "utf8"), name, ARCHITECTURE).packages).toContain("systemd");
});
