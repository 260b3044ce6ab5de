import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { configReference } from "./reference.ts";

const page = join(import.meta.dirname, "../../docs/config.md");

it("docs/config.md is what the schema says (npm run docs writes it)", () => {
  if (process.env.K3OS_WRITE_DOCS) writeFileSync(page, configReference());
  expect(readFileSync(page, "utf8")).toBe(configReference());
});
