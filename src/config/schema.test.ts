import { readdirSync, readFileSync } from "node:fs";
import { expect, expectTypeOf, it } from "vitest";
import type { Config } from "./index.ts";
import type { Kind } from "./kinds.ts";
import { schema } from "./schema.ts";
import { canonical, editDistance } from "./spelling.ts";
import { loadText } from "./testing.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);

/** Every key with its path, those of list items too. */
function* keys(kind: Kind, path: string): Generator<[path: string, kind: Kind]> {
  if (path !== "") yield [path, kind];
  if (kind.kind === "list") yield* keys(kind.item, `${path}[]`);
  if (kind.kind === "struct") {
    for (const [name, inner] of Object.entries<Kind>(kind.keys))
      yield* keys(inner, path === "" ? name : `${path}.${name}`);
  }
}

const documented = [...keys(schema, "")].filter(([, kind]) => kind.example !== undefined);

it.each(documented)("the example of %s is right", (path, { example = "" }) => {
  const [top = "", key = ""] = path.split(".");
  const file = key === "path" ? `{ path: ${example} }` : `{ path: /a, ${key}: ${example} }`;
  const text =
    { k3os: `k3os: { ${key}: ${example} }`, "write_files[]": `write_files: [${file}]` }[top] ?? `${top}: ${example}`;
  expect(loadText(text, "system", { strict: true }).problems).toEqual([]);
});

it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml")))("examples/%s is right", (name) => {
  const { problems, config } = loadText(readFileSync(new URL(name, EXAMPLES), "utf8"), "system", { strict: true });
  expect(problems).toEqual([]);
  expect(config).not.toEqual({});
});

it("every key is in examples/everything.yaml", () => {
  const { config } = loadText(readFileSync(new URL("everything.yaml", EXAMPLES), "utf8"));
  const missing = [...keys(schema, "")].filter(([path, { kind }]) => {
    const found = path
      .replaceAll("[]", "")
      .split(".")
      .reduce<unknown>((value, key) => {
        const values = Array.isArray(value) ? value : [value];
        return values
          .map((one) => (one as Record<string, unknown> | undefined)?.[key])
          .find((one) => one !== undefined);
      }, config);
    return kind !== "later" && found === undefined;
  });
  expect(missing).toEqual([]);
});

it("a config has the types of the schema", () => {
  expectTypeOf<Config["hostname"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<NonNullable<Config["k3os"]>["labels"]>().toEqualTypeOf<Readonly<Record<string, string>> | undefined>();
  expectTypeOf<NonNullable<Config["write_files"]>[number]["path"]>().toEqualTypeOf<string>();
  expectTypeOf<NonNullable<Config["k3os"]>>().not.toHaveProperty("wifi");
});

it("no two keys of a struct share a spelling", () => {
  for (const [, kind] of [["", schema] as const, ...keys(schema, "")]) {
    if (kind.kind !== "struct") continue;
    for (const name of Object.keys(kind.keys)) expect(canonical(kind, name)).toBe(name);
  }
});

it.each([
  ["labels", "labels", 0],
  ["labels", "lables", 1],
  ["labels", "label", 1],
  ["tokn", "token", 1],
  ["abc", "xyz", 3],
  ["abc", "abcdefgh", 3],
])("%s and %s differ by %d", (a, b, distance) => expect(editDistance(a, b, 3)).toBe(distance));
