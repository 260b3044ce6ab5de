/**
 * What must be true of the values in a struct, in CEL, gathered into one rule. Each rule of a definition costs the
 * API server 50 KB for good and more while it is compiled, whatever it says; so there is one for each struct that
 * stands in a list or a map, and it finds the words for the first value that is wrong.
 */
import type { Check, Kind, ListOf, MapOf, StructOf, Text } from "../../config/kinds.ts";
import { cel, type Rule } from "./openapi.ts";
import { matching } from "./patterns.ts";
import { durationBetween, refusal, SECRET_RULES, STRUCT_RULES, schemaOfCheck, TEXT_RULES, type Told } from "./rules.ts";

/** Something that must be true, and CEL that makes the sentence if it is not. */
interface Condition {
  readonly holds: string;
  readonly message: string;
}

/** What holds for a text. */
interface TextCondition extends Told {
  readonly holds: (value: string) => string;
}

/** The rules of a struct and of the structs in it, but for those in lists and maps, which have their own. */
export function rulesOfStruct(struct: StructOf, path: string): Rule[] {
  const conditions = ofStruct(struct, { path, value: "self", name: "" });
  if (conditions.length === 0) return [];
  const last = conditions.length - 1;
  const choose = conditions.map(({ holds, message }, index) =>
    index === last ? message : `!(${holds}) ? ${message} : `,
  );
  return [
    {
      rule: conditions.map(({ holds }) => `(${holds})`).join(" && "),
      // What is left where the value has several lines, which a message must not have.
      message: "a value of several lines is not what docs/config.md says",
      messageExpression: choose.join(""),
    },
  ];
}

/** CEL has its own way to write keys that are its words. */
const identifier = (key: string) => (key === "namespace" ? "__namespace__" : key);

/** Structs of the config that keep a rule of their own, so that none costs too much and each error has its place. */
const OF_ITS_OWN: ReadonlySet<string> = new Set(["k3os"]);

export const hasOwnRule = (path: string): boolean =>
  path === "" || OF_ITS_OWN.has(path) || (/(\[\]|\.NAME)$/.test(path) && !isLikeCard(path));

/**
 * Bonds, bridges and VLANs have what cards have. The API server checks and explains it for cards only, as it would keep
 * all of it four times; a node checks it everywhere.
 */
export const isLikeCard = (path: string): boolean => /^k3os\.network\.(bonds|bridges|vlans)\.NAME/.test(path);

interface Place {
  /** In the config, for tables. */
  readonly path: string;
  /** In CEL. */
  readonly value: string;
  /** Before a key in a message. */
  readonly name: string;
}

function ofStruct(struct: StructOf, { path, value, name }: Place): Condition[] {
  const conditions = Object.entries(struct.keys).flatMap(([key, kind]) => {
    const at = {
      path: path === "" ? key : `${path}.${key}`,
      value: `${value}.${identifier(key)}`,
      name: `${name}${key}`,
    };
    const refused = refusal(at.path, kind);
    if (refused !== undefined) return [{ holds: `!has(${at.value})`, message: cel(`${at.name}: ${refused}`) }];
    return ofKey(kind, at).map(({ holds, message }) => ({ holds: `!has(${at.value}) || ${holds}`, message }));
  });
  const together = (STRUCT_RULES.get(struct) ?? []).map(({ rule, message, key }) => ({
    holds: rule(value),
    message: cel(key === undefined ? `${name.replace(/\.$/, ": ")}${message}` : `${name}${key}: ${message}`),
  }));
  return [...conditions, ...together];
}

function ofKey(kind: Kind, place: Place): Condition[] {
  switch (kind.kind) {
    case "text":
      return textConditions(kind).map((one) => ({
        holds: `(${one.holds(place.value)})`,
        message: sentence(place.name, one, place.value),
      }));
    case "flag":
      return [];
    case "list":
      return ofItems(kind, place);
    case "map":
      return ofEntries(kind, place);
    case "struct":
      return hasOwnRule(place.path) ? [] : ofStruct(kind, { ...place, name: `${place.name}.` }).map(parenthesized);
  }
}

const parenthesized = ({ holds, message }: Condition) => ({ holds: `(${holds})`, message });

function ofItems({ item }: ListOf, { value, name }: Place): Condition[] {
  if (item.kind !== "text") return [];
  return textConditions(item).map((one) => ({
    holds: `${value}.all(x, ${one.holds("x")})`,
    message: sentence(name, one, `${value}.filter(x, !(${one.holds("x")}))[0]`),
  }));
}

function ofEntries({ checkKey, value: inner }: MapOf, { value, name }: Place): Condition[] {
  const ofNames = checkConditions(checkKey).map((one) => ({
    holds: `${value}.all(x, ${one.holds("x")})`,
    message: sentence(name, one, `${value}.filter(x, !(${one.holds("x")}))[0]`),
  }));
  const ofValues = (inner.kind === "text" ? textConditions(inner) : []).map((one) => {
    const wrong = `${value}.filter(x, !(${one.holds(`${value}[x]`)}))[0]`;
    return {
      holds: `${value}.all(x, ${one.holds(`${value}[x]`)})`,
      message: `${cel(`${name}.`)} + ${wrong} + ${sentence("", one, `${value}[${wrong}]`)}`,
    };
  });
  return [...ofNames, ...ofValues];
}

/** CEL that makes `NAME: expected …, got "…"; HINT`. A secret is not shown. */
function sentence(name: string, { expected, hint, secret }: Told, value: string): string {
  const start = `${name}: expected ${expected}`;
  const end = hint === undefined ? "" : `; ${hint}`;
  return secret ? cel(start + end) : `${cel(`${start}, got "`)} + ${value} + ${cel(`"${end}`)}`;
}

const textConditions = ({ check }: Text): TextCondition[] =>
  check === undefined || schemaOfCheck(check) !== undefined ? [] : checkConditions(check);

function checkConditions(check: Check): TextCondition[] {
  const { rules = [], range } = check;
  const secret = SECRET_RULES.get(check);
  const patterns = rules.map(({ pattern, complaint }) => ({
    ...complaint,
    holds: (value: string) => (range === undefined ? matching(value, pattern) : durationBetween(value, range)),
  }));
  const without = (pattern: string) => (value: string) => `!${value}.matches(${cel(pattern)})`;
  return [
    ...(secret === undefined ? [] : [{ ...secret, secret: true, holds: without(secret.pattern) }]),
    ...patterns,
    ...(TEXT_RULES.get(check) ?? []),
  ];
}
