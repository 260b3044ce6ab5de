import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { MachinePool } from "../../kubernetes/machine-pool.ts";
import { selects } from "../../kubernetes/selector.ts";
import { firstPools } from "./pools.ts";

const file = join(import.meta.dirname, "../../../examples/manifests/pools.yaml");
const examples = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as MachinePool);

it.each([
  ["a server", "servers", { "node-role.kubernetes.io/control-plane": "true" }],
  ["an agent", "agents", {}],
])("the pools of the example leave %s in one pool, because a Node in two is changed by neither", (_, want, labels) => {
  const own = new Set(examples.map(({ metadata }) => metadata.name));
  // A pool that is there already is not made.
  const all = [...examples, ...firstPools().filter(({ metadata }) => !own.has(metadata.name))];
  const names = all.filter(({ spec }) => selects(spec.nodeSelector, labels)).map(({ metadata }) => metadata.name);
  expect(names).toEqual([want]);
});
