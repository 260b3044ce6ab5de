import { readdirSync, readFileSync } from "node:fs";
import { expect, expectTypeOf, it } from "vitest";
import type { Config, InstallConfig } from "./index.ts";
import { schema } from "./schema.ts";
import { canonical, editDistance } from "./spelling.ts";
import { fileWith, keys, loadText } from "./testing.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);

const documented = [...keys(schema, "")].filter(([, kind]) => kind.example !== undefined);

function complaints(text: string) {
  return loadText(text, "system", { strict: true }).problems;
}

it.each(documented)("the example of %s is right", (path, { example = "" }) => {
  expect(complaints(fileWith(path, example))).toEqual([]);
});

const own = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml") && name !== "cluster.yaml");
it.each(own)("examples/%s is right", (name) => {
  const text = readFileSync(new URL(name, EXAMPLES), "utf8");
  expect(complaints(text)).toEqual([]);
  expect(loadText(text).config).not.toEqual({});
});

it("every key says what it is for", () => {
  const ofItems = /(\[\]|\.NAME)$/;
  const silent = [...keys(schema, "")].filter(([path, { about }]) => !ofItems.test(path) && !about);
  expect(silent.map(([path]) => path)).toEqual([]);
});

it("every key is in examples/everything.yaml", () => {
  const { config } = loadText(readFileSync(new URL("everything.yaml", EXAMPLES), "utf8"));
  const once = new Map([...keys(schema, "")].reverse().map(([path, kind]) => [kind, path]));
  const missing = [...once.values()].filter((path) => {
    const found = path
      .replaceAll("[]", "")
      .split(".")
      .reduce<unknown>((value, key) => {
        const values = Array.isArray(value) ? value : [value];
        if (key === "NAME") return Object.values(values[0] ?? {});
        return values
          .map((one) => (one as Record<string, unknown> | undefined)?.[key])
          .find((one) => one !== undefined);
      }, config);
    return found === undefined;
  });
  expect(missing).toEqual([]);
});

it("a config has the types of the schema", () => {
  expectTypeOf<Config["hostname"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<NonNullable<Config["k3os"]>["labels"]>().toEqualTypeOf<Readonly<Record<string, string>> | undefined>();
  expectTypeOf<NonNullable<Config["write_files"]>[number]["path"]>().toEqualTypeOf<string>();
  expectTypeOf<InstallConfig["silent"]>().toEqualTypeOf<boolean | undefined>();
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
