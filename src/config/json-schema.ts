/** docs/config.schema.json, from the schema: what editors complete and check a config.yaml with. */
import type { Check, Kind, StructOf } from "./kinds.ts";
import { schema } from "./schema.ts";
import { spellings } from "./spelling.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * The whole document (JSON Schema, draft 2020-12). It accepts whatever a node accepts; what it cannot express, such as a label
 * that Kubernetes reserves, only `./k3os config check` knows.
 */
export function jsonSchema(): Json {
  const structs: Record<string, Json> = {};
  const root = ofStruct(schema, "config", structs);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "config.yaml of k3OS",
    ...root,
    $defs: structs,
  };
}

/** `null` takes back what lower layers say, wherever it stands. */
const NOTHING = { type: "null" };

/** Puts the structs below `kind` into `structs`, by path, and returns what the value of a key may be. */
function ofKind(kind: Kind, path: string, structs: Record<string, Json>): Json {
  switch (kind.kind) {
    case "text":
      return { type: ["string", "number", "boolean"], ...patterns(kind.check) };
    case "flag":
      return { anyOf: [{ type: "boolean" }, { enum: ["true", "false", "yes", "no", "on", "off", 0, 1] }] };
    case "list": {
      const item = ofKind(kind.item, path, structs);
      return { anyOf: [{ type: "array", items: item }, item] };
    }
    case "map": {
      const { pattern } = patterns(kind.checkKey);
      const value = ofKind(kind.value, path, structs);
      const names = pattern === undefined ? {} : { propertyNames: { pattern } };
      return { type: "object", ...names, additionalProperties: { anyOf: [value, NOTHING] } };
    }
    case "struct":
      structs[path] = ofStruct(kind, path, structs);
      return { $ref: `#/$defs/${path}` };
  }
}

function ofStruct(struct: StructOf, path: string, structs: Record<string, Json>): Json {
  const properties: Record<string, Json> = {};
  const others: Record<string, Json> = {};
  const here = path === "config" ? "#" : `#/$defs/${path}`;
  for (const [name, kind] of Object.entries(struct.keys)) {
    const inner = ofKind(kind, path === "config" ? name : `${path}.${name}`, structs);
    properties[name] = { description: description(kind), anyOf: [inner, NOTHING], ...example(kind) };
    for (const spelling of spellings(struct, name)) others[spelling] = { $ref: `${here}/properties/${name}` };
  }
  const required = struct.needed === undefined ? {} : { required: struct.needed };
  return { type: "object", properties, patternProperties: others, additionalProperties: false, ...required };
}

function description({ about, caveat }: Kind): string {
  return caveat === undefined ? about : `${about} Not yet: ${caveat}.`;
}

function example(kind: Kind): Json {
  return kind.kind === "text" && kind.example !== undefined ? { examples: [kind.example] } : {};
}

function patterns(check: Check | undefined): { pattern?: string; allOf?: readonly Json[] } {
  const [first, ...others] = (check?.patterns ?? []).map(({ source }) => source);
  if (first === undefined) return {};
  return { pattern: first, ...(others.length > 0 && { allOf: others.map((pattern) => ({ pattern })) }) };
}
