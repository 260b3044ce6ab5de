import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Check, Kind } from "../../config/kinds.ts";
import { schema } from "../../config/schema.ts";
import { bounds } from "./bounds.ts";
import { configSchema } from "./config.ts";
import { digestOfObjects, firstPools, managementObjects } from "./index.ts";
import type { Json, Rule } from "./openapi.ts";
import { matching, withoutLookahead } from "./patterns.ts";
import { DIGEST, LAST_OBJECT } from "./revision.ts";
import { ONLY_ON_NODE, refusal, STRUCT_RULES, schemaOfCheck, TEXT_RULES } from "./rules.ts";

it("revision.ts has the digest of the objects (npm run docs writes it)", () => {
  const digest = digestOfObjects();
  if (process.env.K3OS_WRITE_DOCS) {
    const path = join(import.meta.dirname, "revision.ts");
    writeFileSync(path, readFileSync(path, "utf8").replace(/DIGEST = "\w*"/, `DIGEST = "${digest}"`));
  } else expect(digest).toBe(DIGEST);
});

it("gives agents the right to write last of all", () => {
  const objects = managementObjects();
  expect(objects.at(-1)?.path).toBe(LAST_OBJECT);
  expect(new Set(objects.map(({ path }) => path)).size).toBe(objects.length);
  expect(objects.map(({ path }) => path).filter((path) => path.includes("undefined"))).toEqual([]);
});

it("is small: a server keeps it in memory several times", () => {
  expect(JSON.stringify(managementObjects()).length).toBeLessThan(130_000);
});

it("begins with pools that upgrade nothing", () => {
  expect(firstPools().map(({ metadata, spec }) => [metadata.name, spec.image])).toEqual([
    ["servers", undefined],
    ["agents", undefined],
  ]);
});

/** Every kind of the config with its path; what is refused, and below it, is left out. */
function* kinds(kind: Kind, path: string): Generator<[string, Kind]> {
  if (refusal(path, kind) !== undefined) return;
  yield [path, kind];
  if (kind.kind === "list") yield* kinds(kind.item, `${path}[]`);
  if (kind.kind === "map") yield* kinds(kind.value, `${path}.NAME`);
  if (kind.kind !== "struct") return;
  for (const [name, inner] of Object.entries(kind.keys)) yield* kinds(inner, path === "" ? name : `${path}.${name}`);
}
const all = [...kinds(schema, "")];

/** Every schema within a schema, with its path. */
function* schemas(json: Json, path: string): Generator<[string, Json]> {
  yield [path, json];
  for (const [name, inner] of Object.entries((json.properties ?? {}) as Record<string, Json>))
    yield* schemas(inner, path === "" ? name : `${path}.${name}`);
  if (json.items !== undefined) yield* schemas(json.items as Json, `${path}[]`);
  if (json.additionalProperties !== undefined) yield* schemas(json.additionalProperties as Json, `${path}.NAME`);
}

describe("the schema of spec.config", () => {
  const made = new Map(schemas(configSchema(), ""));

  it.each(all)("%s has a place, and says what it means", (path, kind) => {
    expect(made.has(path)).toBe(true);
    const isKey = path !== "" && !/(\[\]|\.NAME)$/.test(path);
    if (isKey && !toldOfCards(path)) expect(made.get(path)?.description).toContain(kind.about ?? "");
  });

  // What bonds have as cards do is told of cards.
  const cards = all.filter(([path]) => path.startsWith("k3os.network.ethernets.NAME.")).map(([path]) => path);
  const toldOfCards = (path: string) =>
    cards.includes(path.replace(/^k3os\.network\.(bonds|bridges|vlans)/, "k3os.network.ethernets")) &&
    !cards.includes(path);

  it("bounds every text, list and map, as the cost of a rule is reckoned by them", () => {
    const unbounded = [...made].filter(
      ([, { type, maxLength, maxItems, maxProperties, additionalProperties, enum: choices }]) =>
        (type === "string" && maxLength === undefined && choices === undefined) ||
        (type === "array" && maxItems === undefined) ||
        (additionalProperties !== undefined && maxProperties === undefined),
    );
    expect(unbounded).toEqual([]);
  });

  it.each([
    ["k3os.mounts", { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["path"] }],
    ["k3os.users", { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }],
    ["ssh_authorized_keys", { "x-kubernetes-list-type": "set" }],
    ["k3os.k3s_args", { "x-kubernetes-list-type": "atomic" }],
    ["k3os.sysctls.NAME", { "x-kubernetes-int-or-string": true }],
    ["k3os.network.vlans.NAME.id", { type: "integer", minimum: 0, maximum: 4094 }],
  ])("of %s has %o", (path, expected) => expect(made.get(path)).toMatchObject(expected));

  it.each(["hostname", "k3os.token", "k3os.server_url", "k3os.data_sources", "k3os.install", "k3os.password"])(
    "refuses %s with a sentence",
    (path) => {
      const name = path.split(".").at(-1);
      const parent = made.get(path.split(".").slice(0, -1).join(".")) as Json;
      const [{ rule, messageExpression }] = parent["x-kubernetes-validations"] as [Required<Rule>];
      expect(rule).toContain(`(!has(self.${name}))`);
      expect(messageExpression).toContain(`"${name}: a MachineConfig does not set it; `);
    },
  );

  it("has few rules, since each costs the server 50 KB", () => {
    const rules = [...made.values()].flatMap((json) => (json["x-kubernetes-validations"] ?? []) as Rule[]);
    expect(rules.length).toBeLessThanOrEqual(20);
  });

  it("refuses whatever the schema calls secret", () => {
    const secrets = [...made].filter(([, { description }]) => /^Refused: .*whoever may read/.test(String(description)));
    expect(secrets.map(([path]) => path)).toEqual([
      "k3os.wifi[].passphrase",
      "k3os.password",
      "k3os.users[].password",
      "k3os.registries.configs.NAME.auth.password",
      "k3os.registries.configs.NAME.auth.auth",
      "k3os.registries.configs.NAME.auth.identity_token",
    ]);
  });

  it("knows of every check how the API server makes it, or that only a node does", () => {
    const known = (check: Check | undefined) =>
      check === undefined ||
      check.rules !== undefined ||
      check.range !== undefined ||
      TEXT_RULES.has(check) ||
      schemaOfCheck(check) !== undefined;
    const unknown = all.filter(([, kind]) => {
      if (kind.kind === "text") return !known(kind.check);
      if (kind.kind === "map") return !known(kind.checkKey);
      return kind.kind === "struct" && kind.check && !STRUCT_RULES.has(kind) && !ONLY_ON_NODE.has(kind);
    });
    expect(unknown.map(([path]) => path)).toEqual([]);
  });

  it("is bounded by paths that exist", () => {
    expect(bounds.unknownPaths(all.map(([path]) => path))).toEqual([]);
  });
});

describe("withoutLookahead", () => {
  const check = (source: string) => (text: string) => {
    const { needs, lacks } = withoutLookahead(source);
    return needs.every((need) => new RegExp(need).test(text)) && lacks.every((lack) => !new RegExp(lack).test(text));
  };

  const sources = [...new Set(all.flatMap(([, kind]) => checksOf(kind).flatMap(({ rules = [] }) => rules)))].map(
    ({ pattern }) => pattern.source,
  );
  it.each(sources.filter((source) => source.includes("(?")))("means the same as %s", (source) => {
    const text = fc.string({ unit: fc.constantFrom(...'/.ab0-_=#"mntvarde: \n'), maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(text, fc.stringMatching(/^\/(mnt|var|dev|home)\/[a.]{1,3}(\/[a.]{0,2})?$/)), (value) => {
        expect(check(source)(value)).toBe(new RegExp(source).test(value));
      }),
    );
  });

  it("refuses what RE2 cannot do", () => {
    expect(() => withoutLookahead("a(?=b)")).toThrow("cannot look ahead");
  });

  it("becomes CEL", () => {
    expect(matching("self", /^(?!.*\.\.)a$/i)).toBe('!self.matches("(?i)^(.*\\\\.\\\\.)") && self.matches("(?i)^a$")');
  });
});

function checksOf(kind: Kind): Check[] {
  if (kind.kind === "map") return [kind.checkKey];
  return kind.kind === "text" && kind.check !== undefined ? [kind.check] : [];
}
