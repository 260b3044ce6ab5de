/** The schema of `spec.config` of a MachineConfig, made from the schema of config.yaml. */
import type { Check, Kind, ListOf, MapOf, StructOf, Text } from "../../config/kinds.ts";
import { network } from "../../config/network/schema.ts";
import { schema } from "../../config/schema.ts";
import { bounds } from "./bounds.ts";
import { hasOwnRule, isLikeCard, rulesOfStruct } from "./conditions.ts";
import { described, type Json, listOf, type Rule, withRules } from "./openapi.ts";
import { matching } from "./patterns.ts";
import { refusal, schemaOfCheck, sentence } from "./rules.ts";

export function configSchema(): Json {
  return { ...ofStruct(schema, ""), description: "A layer of config.yaml, in the spelling of docs/config.md." };
}

function ofKind(kind: Kind, path: string): Json {
  switch (kind.kind) {
    case "text":
      return ofText(kind, path);
    case "flag":
      return { type: "boolean" };
    case "list":
      return ofList(kind, path);
    case "map":
      return ofMap(kind, path);
    case "struct":
      return ofStruct(kind, path);
  }
}

const ofCards: ReadonlySet<Kind> = new Set(Object.values(network.keys.ethernets.value.keys));

/** The sentence of the documentation, with the example. */
function meaning({ about, example }: Kind): string | undefined {
  return about === undefined || example === undefined ? about : `${about} Such as ${example}`;
}

function ofText({ check }: Text, path: string): Json {
  const own = check === undefined ? undefined : schemaOfCheck(check);
  return own ?? { type: "string", maxLength: bounds.text(path, check) };
}

/** The patterns of a check as rules. */
export function patternRules({ rules = [] }: Check): Rule[] {
  return rules.map(({ pattern, complaint }) => ({ rule: matching("self", pattern), message: sentence(complaint) }));
}

function ofList(kind: ListOf, path: string): Json {
  const { item, unique, adds } = kind;
  const type =
    unique !== undefined ? listOf(unique) : { "x-kubernetes-list-type": adds === undefined ? "atomic" : "set" };
  const items = ofKind(item, `${path}[]`);
  return { type: "array", maxItems: bounds.list(path), ...type, items };
}

function ofMap({ value }: MapOf, path: string): Json {
  return { type: "object", maxProperties: bounds.map(path), additionalProperties: ofKind(value, `${path}.NAME`) };
}

/** A value of that kind, whatever is in it. A rule sees no key without a type. */
function anyOf({ kind }: Kind): Json {
  if (kind === "text" || kind === "flag") return { type: "string", maxLength: 1024 };
  if (kind === "list") return { type: "array", maxItems: 64, items: { type: "string", maxLength: 1024 } };
  return { type: "object", "x-kubernetes-preserve-unknown-fields": true };
}

function ofStruct(struct: StructOf, path: string): Json {
  const properties = Object.entries(struct.keys).map(([name, kind]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const message = refusal(at, kind);
    const about = isLikeCard(at) && ofCards.has(kind) ? undefined : meaning(kind);
    if (message === undefined) return [name, described(ofKind(kind, at), about)] as const;
    return [name, { ...anyOf(kind), description: `Refused: ${message}.` }] as const;
  });
  const required = struct.needed === undefined ? {} : { required: struct.needed };
  const schema = { type: "object", properties: Object.fromEntries(properties), ...required };
  return withRules(schema, hasOwnRule(path) ? rulesOfStruct(struct, path) : []);
}
