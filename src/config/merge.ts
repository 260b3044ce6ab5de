import type { Kind, ListOf, MapOf, StructOf } from "./kinds.ts";
import type { LayerKind } from "./layer-kind.ts";

/** The values of one layer, with canonical keys. `null` undoes the value of lower layers. */
export type Patch = { readonly [key: string]: unknown };

/**
 * `high` laid over `low`: structs key by key, everything else (lists and maps, too) as a whole. A `null` stays, so that
 * merging is associative: `merge(a, merge(b, c))` is `merge(merge(a, b), c)`.
 */
export function merge(low: Patch, high: Patch, struct: StructOf): Patch {
  const merged: Record<string, unknown> = { ...low };
  for (const [name, value] of Object.entries(high)) {
    const kind = struct.keys[name];
    const below = low[name];
    merged[name] = kind?.kind === "struct" && isPatch(below) && isPatch(value) ? merge(below, value, kind) : value;
  }
  return merged;
}

/**
 * `high` merged into `low`: structs and maps key by key, lists item by item. An item of a list with a key takes the
 * place of the one with the same key; of other lists, what is not there yet is appended. Associative, as long as `high`
 * has no `null`.
 */
export function mergeByKey(low: Patch, high: Patch, struct: StructOf): Patch {
  const merged: Record<string, unknown> = { ...low };
  for (const [name, value] of Object.entries(high)) {
    merged[name] = mergedValue(low[name], value, struct.keys[name]);
  }
  return merged;
}

function mergedValue(low: unknown, high: unknown, kind: Kind | undefined): unknown {
  if (kind?.kind === "struct" && isPatch(low) && isPatch(high)) return mergeByKey(low, high, kind);
  if (kind?.kind === "map" && isPatch(low) && isPatch(high)) return mergedMap(low, high, kind);
  if (kind?.kind === "list" && Array.isArray(low) && Array.isArray(high)) return mergedList(low, high, kind);
  return high;
}

function mergedMap(low: Patch, high: Patch, { value: kind }: MapOf): Patch {
  const entries = Object.entries(high).map(([name, value]) => {
    return [name, mergedValue(Object.hasOwn(low, name) ? low[name] : undefined, value, kind)] as const;
  });
  return { ...low, ...Object.fromEntries(entries) };
}

function mergedList(low: readonly unknown[], high: readonly unknown[], kind: ListOf): unknown[] {
  const [below, above] = [unitsOf(low, kind), unitsOf(high, kind)];
  const known = new Set(below.map((unit) => identityOf(unit, kind)));
  const latest = new Map(above.map((unit) => [identityOf(unit, kind), unit]));
  return [
    ...below.map((unit) => latest.get(identityOf(unit, kind)) ?? unit),
    ...above.filter((unit) => !known.has(identityOf(unit, kind))),
  ].flat();
}

/** The items of a list, those that belong together as one. */
function unitsOf(items: readonly unknown[], { unit }: ListOf): unknown[][] {
  if (unit !== "argument") return items.map((item) => [item]);
  const units: unknown[][] = [];
  for (const item of items) {
    const last = units.at(-1);
    const isValue = last?.length === 1 && /^--?[\w-]+$/.test(String(last[0])) && !String(item).startsWith("-");
    if (isValue) last?.push(item);
    else units.push([item]);
  }
  return units;
}

function identityOf(unit: readonly unknown[], kind: ListOf): string {
  const key = kind.unique ?? kind.key;
  const [item] = unit;
  return JSON.stringify(key !== undefined && isPatch(item) ? item[key] : unit);
}

/** Removes the keys that are `null`, and then structs without keys. What is a layer of its own stays as it is. */
export function withoutNulls(patch: Patch, struct: StructOf): Patch {
  const settled: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(struct.keys)) {
    const value = patch[name];
    if (value === undefined || value === null) continue;
    const inner = kind.kind === "struct" && !kind.isLayer && isPatch(value) ? withoutNulls(value, kind) : value;
    if (kind.kind !== "struct" || Object.keys(inner as Patch).length > 0) settled[name] = inner;
  }
  return settled;
}

/** The lists of a layer that are added to what other layers say, by the schema's `adds`. */
export function additions(patch: Patch, layer: LayerKind, struct: StructOf): Patch {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(patch)) {
    const kind = struct.keys[name];
    if (kind?.kind === "struct" && isPatch(value)) found[name] = additions(value, layer, kind);
    if (kind?.kind === "list" && kind.adds?.includes(layer)) found[name] = value;
  }
  return found;
}

/** A patch without nulls. The items of `additions` come before its own, each item once. */
export function add(settled: Patch, added: Patch): Patch {
  const sum: Record<string, unknown> = { ...settled };
  for (const [name, more] of Object.entries(added)) {
    const own = settled[name];
    if (isPatch(more)) sum[name] = add(isPatch(own) ? own : {}, more);
    else if (Array.isArray(more)) sum[name] = [...new Set([...more, ...(Array.isArray(own) ? own : [])])];
  }
  return sum;
}

function isPatch(value: unknown): value is Patch {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
