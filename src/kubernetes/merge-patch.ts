/** JSON merge patches (RFC 7386). */

/** `target` after a patch. Keys whose patch is null are gone; lists are replaced whole. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = valuesOf(target);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else if (value !== undefined) result.set(key, applyMergePatch(result.get(key), value));
  }
  return Object.fromEntries(result);
}

/** The patch that makes `after` of `before`; `undefined` if they are equal. A key without a value is none. */
export function mergePatch(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return isEqual(before, after) ? undefined : after;
  const [olds, news] = [valuesOf(before), valuesOf(after)];
  const patch = new Map<string, unknown>();
  for (const key of new Set([...olds.keys(), ...news.keys()])) {
    const [old, value] = [olds.get(key), news.get(key)];
    if (value === undefined) {
      if (old !== undefined) patch.set(key, null);
      continue;
    }
    const change = mergePatch(old, value);
    if (change !== undefined) patch.set(key, change);
  }
  return patch.size === 0 ? undefined : Object.fromEntries(patch);
}

/** Whether two values of JSON are equal, whatever the order of keys. A key without a value is none. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isEqual(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const [ofA, ofB] = [valuesOf(a), valuesOf(b)];
  return [...new Set([...ofA.keys(), ...ofB.keys()])].every((key) => isEqual(ofA.get(key), ofB.get(key)));
}

/** As a map, in which `__proto__` is a key like any other; empty if it is no object. */
function valuesOf(object: unknown): Map<string, unknown> {
  return new Map(isObject(object) ? Object.entries(object) : []);
}

/** Whether it is a map, and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
