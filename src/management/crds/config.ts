/** The schema of `spec.config` of a MachineConfig, made from the schema of config.yaml. */
import type { Check, Kind, ListOf, MapOf, StructOf, Text } from "../../config/kinds.ts";
import { network } from "../../config/network/schema.ts";
import { schema } from "../../config/schema.ts";
import * as values from "../../config/values.ts";
import { bounds } from "./bounds.ts";
import { cel, described, type Json, listOf, type Rule, withRules } from "./openapi.ts";
import { matching } from "./patterns.ts";
import { refusal, SECRET_RULES, STRUCT_RULES, sentence, TEXT_RULES } from "./rules.ts";

export function configSchema(): Json {
  return { ...ofStruct(schema, ""), description: "A layer of config.yaml, in the spelling of docs/config.md." };
}

function ofKind(kind: Kind, path: string): Json {
  switch (kind.kind) {
    case "text":
      return ofText(kind, path);
    case "flag":
      return described({ type: "boolean" }, meaning(kind));
    case "list":
      return ofList(kind, path);
    case "map":
      return ofMap(kind, path);
    case "struct":
      return described(ofStruct(kind, path), meaning(kind));
  }
}

/** The sentence of the documentation, with the example. */
function meaning({ about, example }: Kind): string | undefined {
  return about === undefined || example === undefined ? about : `${about} Such as ${example}`;
}

function ofText(kind: Text, path: string): Json {
  const { check } = kind;
  const about = meaning(kind);
  if (check?.range !== undefined && check.rules === undefined) {
    const [minimum, maximum] = check.range;
    return described({ type: "integer", format: "int64", minimum, maximum }, about);
  }
  if (kind === network.keys.version) return described({ type: "integer", enum: [2] }, about);
  if (check === values.sysctlValue) return described(NUMBER_OR_TEXT, about);
  if (check === values.encoding) return described({ type: "string", enum: ENCODINGS }, about);
  const maxLength = bounds.text(path, check);
  return withRules(described({ type: "string", maxLength }, about), check === undefined ? [] : rulesOf(check, "self"));
}

const ENCODINGS = Object.keys(values.ENCODINGS).filter((name) => name !== "");

/** Beyond this, JavaScript rounds. CEL sees no limit to the length of the text, so the pattern is not one of its rules. */
const NUMBER_OR_TEXT = {
  "x-kubernetes-int-or-string": true,
  maxLength: 1024,
  minimum: -Number.MAX_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  pattern: "^[^\\n\\r]*\\S[^\\n\\r]*$",
};

/** The patterns of a check as rules. */
export function patternRules({ rules = [] }: Check, value = "self"): Rule[] {
  return rules.map(({ pattern, complaint }) => ({ rule: matching(value, pattern), message: sentence(complaint) }));
}

function rulesOf(check: Check, value: string): Rule[] {
  const { range } = check;
  return [
    ...(range === undefined ? patternRules(check, value) : []),
    ...(range === undefined ? [] : [durationRule(value, range, check)]),
    ...(TEXT_RULES.get(check)?.(value) ?? []),
  ];
}

function durationRule(value: string, range: readonly [number, number], check: Check): Rule {
  const complaint = check("x");
  if (complaint === undefined) throw new Error("a duration accepts what is none");
  return { rule: durationBetween(value, range), message: sentence(complaint) };
}

/** CEL that is true for a duration such as `1h30m` from `least` to `most` seconds. CEL itself knows no days. */
export function durationBetween(value: string, [least, most]: readonly [number, number]): string {
  const form = `${value}.matches("^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$") && ${value} != ""`;
  return `${form} && duration(${value}) >= duration("${least}s") && duration(${value}) <= duration("${most}s")`;
}

function ofList(kind: ListOf, path: string): Json {
  const { item, unique, adds } = kind;
  const type =
    unique !== undefined ? listOf(unique) : { "x-kubernetes-list-type": adds === undefined ? "atomic" : "set" };
  const items = ofKind(item, `${path}[]`);
  const schema = described({ type: "array", maxItems: bounds.list(path), ...type, items }, meaning(kind));
  return withRules(
    schema,
    secretRules(item, (pattern) => `!self.exists(item, item.matches(${pattern}))`),
  );
}

function ofMap(kind: MapOf, path: string): Json {
  const { checkKey, value } = kind;
  const map = { type: "object", maxProperties: bounds.map(path), additionalProperties: ofKind(value, `${path}.NAME`) };
  const rules = rulesOf(checkKey, "name").map(({ rule, message }) => ({
    rule: `self.all(name, ${rule})`,
    message,
    // The path of the error ends at the map.
    messageExpression: `${cel(message)} + "; got " + self.filter(name, !(${rule}))[0]`,
  }));
  const ofValues = secretRules(value, (pattern) => `!self.exists(name, self[name].matches(${pattern}))`);
  return withRules(described(map, meaning(kind)), [...rules, ...ofValues]);
}

/** The rule about the secret that a text may have in it, for what holds the text. */
function secretRules(kind: Kind, expression: (pattern: string) => string): Rule[] {
  const rule = kind.kind === "text" && kind.check !== undefined ? SECRET_RULES.get(kind.check) : undefined;
  return rule === undefined ? [] : [{ rule: expression(cel(rule.pattern)), message: rule.message }];
}

/** A value of that kind, whatever is in it. A rule sees no key without a type. */
function anyOf({ kind }: Kind): Json {
  if (kind === "text" || kind === "flag") return { type: "string", maxLength: 1024 };
  if (kind === "list") return { type: "array", maxItems: 64, items: { type: "string", maxLength: 1024 } };
  return { type: "object", "x-kubernetes-preserve-unknown-fields": true };
}

function ofStruct(struct: StructOf, path: string): Json {
  const properties: Record<string, Json> = {};
  const rules: Rule[] = [];
  for (const [name, kind] of Object.entries(struct.keys)) {
    const at = path === "" ? name : `${path}.${name}`;
    const message = refusal(at, kind);
    if (message === undefined) {
      properties[name] = ofKind(kind, at);
      const found = secretRules(kind, (pattern) => `!has(self.${name}) || !self.${name}.matches(${pattern})`);
      rules.push(...found.map((rule) => ({ ...rule, fieldPath: `.${name}` })));
    } else {
      properties[name] = { ...anyOf(kind), description: `Refused: ${message}.` };
      rules.push({ rule: `!has(self.${name})`, message, fieldPath: `.${name}` });
    }
  }
  const required = struct.needed === undefined ? {} : { required: struct.needed };
  return withRules({ type: "object", properties, ...required }, [...rules, ...(STRUCT_RULES.get(struct) ?? [])]);
}
