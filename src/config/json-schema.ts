/** docs/config.schema.json, made from the schema. Editors use it to complete and check a config.yaml. */
import type { Check, Flag, Kind, StructOf, Text } from "./kinds.ts";
import { schema } from "./schema.ts";
import { spellings } from "./spelling.ts";

type Json = Readonly<Record<string, unknown>>;

/** Names in `$defs`. Structs are keyed by themselves, texts and flags by their JSON Schema. */
type Names = ReadonlyMap<StructOf | string, string>;

/** Where a key that several structs share is written out. */
type Places = Map<Kind, string>;

/**
 * The whole document (JSON Schema, draft 2020-12). It accepts whatever a node accepts. Only `./k3os config check` knows
 * what a JSON Schema cannot express, such as labels that Kubernetes reserves.
 */
export function jsonSchema(of: StructOf = schema, title = "config.yaml of k3OS"): Json {
  const names = namesOf(of);
  const places: Places = new Map();
  const root = ofStruct(of, "#", names, places);
  const shared = [...names].filter(([kind]) => kind !== of);
  const definitions = shared.map(([kind, name]) => {
    return [name, typeof kind === "string" ? JSON.parse(kind) : ofStruct(kind, pointer(name), names, places)];
  });
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title,
    ...root,
    $defs: Object.fromEntries(definitions),
  };
}

/** `null` undoes the value of lower layers, for any key. */
const NOTHING = { type: "null" };
const TEXT = { type: ["string", "number", "boolean"] };
const FLAG = { anyOf: [{ type: "boolean" }, { enum: ["true", "false", "yes", "no", "on", "off", 0, 1] }] };

/** Names every struct by its shortest path, and so the schemas that several texts share. */
function namesOf(root: StructOf): Names {
  const uses = new Map<StructOf | string, string[]>();
  for (const [kind, path] of walk(root, "")) {
    const paths = uses.get(kind) ?? [];
    uses.set(kind, [...paths, path]);
  }
  const shared = [...uses].filter(([kind, paths]) => typeof kind !== "string" || paths.length > 1);
  const names = shared.map(([kind, paths]) => [kind, paths.reduce((a, b) => (b.length < a.length ? b : a))] as const);
  return new Map([...names, [JSON.stringify(TEXT), "text"], [JSON.stringify(FLAG), "flag"]]);
}

/** All structs, and the schemas of texts and flags, as often as they are used. */
function* walk(kind: Kind, path: string): Generator<[StructOf | string, string]> {
  if (kind.kind === "text" || kind.kind === "flag") yield [JSON.stringify(ofScalar(kind)), path];
  else if (kind.kind === "map") yield* walk(kind.value, path);
  else if (kind.kind === "list") {
    // Once for the list, once for a single value in its place.
    yield* walk(kind.item, path);
    yield* walk(kind.item, path);
  } else {
    yield [kind, path];
    for (const [name, inner] of Object.entries(kind.keys)) yield* walk(inner, path === "" ? name : `${path}.${name}`);
  }
}

const pointer = (name: string) => `#/$defs/${name}`;

function ofScalar(kind: Text | Flag): Json {
  return kind.kind === "flag" ? FLAG : { ...TEXT, ...patterns(kind.check) };
}

/** The JSON Schema of a key's value. */
function ofKind(kind: Kind, names: Names): Json {
  switch (kind.kind) {
    case "text":
    case "flag": {
      const json = ofScalar(kind);
      const name = names.get(JSON.stringify(json));
      return name === undefined ? json : { $ref: pointer(name) };
    }
    case "list": {
      const item = ofKind(kind.item, names);
      return { anyOf: [{ type: "array", items: item }, item] };
    }
    case "map": {
      const { pattern } = patterns(kind.checkKey);
      const value = ofKind(kind.value, names);
      const keys = pattern === undefined ? {} : { propertyNames: { pattern } };
      return { type: "object", ...keys, additionalProperties: { anyOf: [value, NOTHING] } };
    }
    case "struct":
      return { $ref: pointer(names.get(kind) ?? "") };
  }
}

function ofStruct(struct: StructOf, here: string, names: Names, places: Places): Json {
  const properties: Record<string, Json> = {};
  const others: Record<string, Json> = {};
  for (const [name, kind] of Object.entries(struct.keys)) {
    const place = `${here}/properties/${name}`;
    const written = places.get(kind);
    if (written === undefined) places.set(kind, place);
    const value = { description: kind.about, anyOf: [ofKind(kind, names), NOTHING], ...example(kind) };
    properties[name] = written === undefined ? value : { $ref: written };
    for (const spelling of spellings(struct, name)) others[spelling] = { $ref: place };
  }
  const required = struct.needed === undefined ? {} : { required: struct.needed };
  return { type: "object", properties, patternProperties: others, additionalProperties: false, ...required };
}

function example(kind: Kind): Json {
  return kind.kind === "text" && kind.example !== undefined ? { examples: [kind.example] } : {};
}

function patterns(check: Check | undefined): { pattern?: string; allOf?: readonly Json[] } {
  const [first, ...others] = (check?.rules ?? []).map(({ pattern }) => pattern.source);
  if (first === undefined) return {};
  return { pattern: first, ...(others.length > 0 && { allOf: others.map((pattern) => ({ pattern })) }) };
}
