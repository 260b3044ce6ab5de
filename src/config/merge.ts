import type { StructOf } from "./kinds.ts";

/** The values of one layer, with canonical keys. `null` takes back what lower layers say about a key. */
export type Patch = { readonly [key: string]: unknown };

/**
 * `high` laid over `low`: structs key by key, everything else (lists and maps too) as a whole. A `null` stays, so that
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

/** Without the keys that are `null`, and without structs that have no keys left. */
export function settle(patch: Patch, struct: StructOf): Patch {
  const settled: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(struct.keys)) {
    const value = patch[name];
    if (value === undefined || value === null) continue;
    const inner = kind.kind === "struct" && isPatch(value) ? settle(value, kind) : value;
    if (kind.kind !== "struct" || Object.keys(inner as Patch).length > 0) settled[name] = inner;
  }
  return settled;
}

function isPatch(value: unknown): value is Patch {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
