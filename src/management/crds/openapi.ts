/** Pieces of an OpenAPI v3 schema as the API server wants it of a custom resource. */

export type Json = { readonly [key: string]: unknown };

/** What the API server checks by CEL. `message` is what people read. */
export interface Rule {
  /** An expression that is true for a value that is accepted. */
  readonly rule: string;
  readonly message: string;
  /** CEL that makes the message, where it has to name something of the value. `message` is what is left if it fails. */
  readonly messageExpression?: string;
  /** The key that is wrong, such as `.version`, below the value that the rule is about. */
  readonly fieldPath?: string;
}

/** A text as a literal of CEL. */
export const cel = (text: string): string => JSON.stringify(text);

/** The schema with rules. Without rules, it stays as it is. */
export function withRules(schema: Json, rules: readonly Rule[]): Json {
  return rules.length === 0 ? schema : { ...schema, "x-kubernetes-validations": rules };
}

/** A text of at most so many characters. */
export const text = (maxLength: number, description?: string): Json =>
  described({ type: "string", maxLength }, description);
export const flag = (description?: string): Json => described({ type: "boolean" }, description);
export const count = (description?: string): Json =>
  described({ type: "integer", format: "int64", minimum: 0 }, description);
export const choice = (values: readonly string[], description?: string): Json =>
  described({ type: "string", enum: values }, description);
/** RFC 3339, as the API server itself writes times. */
export const time = (description?: string): Json => described({ type: "string", format: "date-time" }, description);

export function struct(properties: Json, more: { description?: string; required?: readonly string[] } = {}): Json {
  const { description, required } = more;
  return described({ type: "object", properties, ...(required && { required }) }, description);
}

/** A list whose items `key` tells apart; without it, a list that has one owner as a whole. */
export function list(items: Json, maxItems: number, more: { description?: string; key?: string } = {}): Json {
  const { description, key } = more;
  const kind = key === undefined ? { "x-kubernetes-list-type": "atomic" } : listOf(key);
  return described({ type: "array", maxItems, ...kind, items }, description);
}

export const listOf = (key: string): Json => ({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] });

export function described(schema: Json, description: string | undefined): Json {
  return description === undefined ? schema : { description, ...schema };
}
