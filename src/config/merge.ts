import type { StructOf } from "./kinds.ts";
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

/** Removes the keys that are `null`, and then structs without keys. */
export function withoutNulls(patch: Patch, struct: StructOf): Patch {
  const settled: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(struct.keys)) {
    const value = patch[name];
    if (value === undefined || value === null) continue;
    const inner = kind.kind === "struct" && isPatch(value) ? withoutNulls(value, kind) : value;
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
