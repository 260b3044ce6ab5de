import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CLOUD_NAMES } from "./clouds.ts";
import { jsonSchema } from "./json-schema.ts";
import { withReference } from "./reference.ts";
import { schema } from "./schema.ts";
import { fileWith, keys } from "./testing.ts";

const root = join(import.meta.dirname, "../..");
const pages: Readonly<Record<string, (page: string) => string>> = {
  "docs/config.md": withReference,
  "docs/config.schema.json": () => `${JSON.stringify(jsonSchema(), null, 1)}\n`,
};

for (const [name, written] of Object.entries(pages)) {
  it(`${name} is what the schema says (npm run docs writes it)`, () => {
    const path = join(root, name);
    const page = readFileSync(path, "utf8");
    if (process.env.K3OS_WRITE_DOCS) writeFileSync(path, written(page));
    expect(readFileSync(path, "utf8")).toBe(written(page));
  });
}

it.each(CLOUD_NAMES)("docs/network.md says what %s gives as a data source", (name) => {
  expect(readFileSync(join(root, "docs/network.md"), "utf8")).toMatch(
    new RegExp(`^\\| \`${name}\` \\| .+ \\| .+ \\|$`, "m"),
  );
});

describe("the JSON Schema", () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(jsonSchema());
  const complaints = (text: string) => {
    validate(parse(text) ?? {});
    return [...new Set((validate.errors ?? []).map(({ instancePath }) => instancePath || "/"))];
  };

  const examples = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" });
  const others = /cloud-config|^cluster\.yaml$|^manifests\//;
  const own = examples.filter((name) => name.endsWith(".yaml") && !others.test(name));
  it.each(own)("accepts examples/%s", (name) => {
    expect(complaints(readFileSync(join(root, "examples", name), "utf8"))).toEqual([]);
  });

  const documented = [...keys(schema, "")].filter(([, { example }]) => example !== undefined);
  it.each(documented)("accepts the example of %s", (path, { example = "" }) => {
    expect(complaints(fileWith(path, example))).toEqual([]);
  });
  it.each(documented)("complains about a value of %s that is of another kind, at its place", (path, { kind }) => {
    const place = path.replaceAll("[]", "/0").replaceAll("NAME", "a").replaceAll(".", "/");
    const other = kind === "struct" || kind === "map" ? "a" : kind === "list" ? "[[[a]]]" : "{ a: { a: [] } }";
    expect(complaints(fileWith(path, other))).toContain(`/${place}`);
  });

  it.each([
    "runcmd: a",
    "k3os: { serverURL: https://a, dns-nameserver: 1.1.1.1, token: 12, labels: { a: , b: 1 } }",
    "{ hostname: ~, k3os: }",
    "k3os: { install: { silent: yes, efi: 1, no_format: true } }",
    "write_files: { path: /a, permissions: '0644' }",
    "k3o: { wifi: { name: a, pass: '12345678' } }",
  ])("accepts %s", (text) => expect(complaints(text)).toEqual([]));

  it.each([
    ["hostnam: a", "/"],
    ["k3os: { tokn: a }", "/k3os"],
    ["k3os: { labels: [a] }", "/k3os/labels"],
    ["k3os: { token: [a] }", "/k3os/token"],
    ["k3os: { server_url: nowhere }", "/k3os/server_url"],
    ["write_files: [{ content: a }]", "/write_files/0"],
    ["write_files: [{ path: relative }]", "/write_files/0/path"],
    ["k3os: { install: { silent: perhaps } }", "/k3os/install/silent"],
  ])("complains about %s", (text, place) => expect(complaints(text)).toContain(place));
});
