/** Configurations written for old k3OS. They load unchanged, and the snapshots hold the results. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeStep, load, plan } from "./index.ts";
import { told } from "./testing.ts";

const folder = join(import.meta.dirname, "../../examples/legacy");

it.each(readdirSync(folder))("examples/legacy/%s loads without an error", (name) => {
  const loaded = load([{ name, kind: "userdata", text: readFileSync(join(folder, name), "utf8") }]);
  expect(loaded.rejected).toEqual([]);
  expect({
    config: loaded.config,
    told: told(loaded),
    plan: plan(loaded.config, { mode: "local", version: "v1" }).map(describeStep),
  }).toMatchSnapshot();
});
