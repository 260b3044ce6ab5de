import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { schema as config } from "../config/schema.ts";
import { keys } from "../config/testing.ts";
import { clusterJsonSchema } from "./index.ts";
import { schema } from "./schema.ts";

const root = join(import.meta.dirname, "../..");
const isOwn = (path: string) => !/(^|\.)config\./.test(path);
const own = [...keys(schema, "")].filter(([path]) => isOwn(path));

it("docs/cluster.schema.json is what the schema says (npm run docs writes it)", () => {
  const path = join(root, "docs/cluster.schema.json");
  const text = `${JSON.stringify(clusterJsonSchema(), null, 1)}\n`;
  if (process.env.K3OS_WRITE_DOCS) writeFileSync(path, text);
  expect(readFileSync(path, "utf8")).toBe(text);
});

it("every key says what it is for, and is in docs/cluster.md", () => {
  const page = readFileSync(join(root, "docs/cluster.md"), "utf8");
  const documented = own.filter(([path]) => !path.endsWith("[]"));
  expect(documented.filter(([, { about }]) => !about).map(([path]) => path)).toEqual([]);
  expect(documented.map(([path]) => path).filter((path) => !page.includes(`\`${path}\``))).toEqual([]);
});

it("a node's config has every key of config.yaml", () => {
  expect(schema.keys.config.keys).toBe(config.keys);
  expect(schema.keys.nodes.item.keys.config.keys).toBe(config.keys);
});

describe("the JSON Schema", () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(clusterJsonSchema());
  const complaints = (text: string) => {
    validate(parse(text));
    return [...new Set((validate.errors ?? []).map(({ instancePath }) => instancePath || "/"))];
  };

  it("accepts examples/cluster.yaml", () => {
    expect(complaints(readFileSync(join(root, "examples/cluster.yaml"), "utf8"))).toEqual([]);
  });

  it.each([
    ["name: c", "/"],
    ["{ name: c, nodes: [{ name: a }] }", "/nodes/0"],
    ["{ name: c, nodes: [{ name: a, role: worker }] }", "/nodes/0/role"],
    ["{ name: c, nodes: [{ name: a, role: server, config: { hostnam: b } }] }", "/nodes/0/config"],
    ["{ name: c, nodes: [], config: { k3os: { labels: [a] } } }", "/config/k3os/labels"],
  ])("complains about %s", (text, place) => expect(complaints(text)).toContain(place));
});
