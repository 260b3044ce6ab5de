import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyMergePatch, isEqual, mergePatch } from "./merge-patch.ts";

// A merge patch cannot say null, and objects of the API have none.
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value, (_, v) => v ?? 0)));
const object = fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), json);

describe("a merge patch", () => {
  it("makes one object of another", () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const patch = mergePatch(before, after);
        expect(isEqual(patch === undefined ? before : applyMergePatch(before, patch), after)).toBe(true);
      }),
    );
  });

  it("takes __proto__ for a key like any other", () => {
    const after = JSON.parse('{"a": {"__proto__": ""}}');
    expect(isEqual({ a: {} }, after)).toBe(false);
    expect(JSON.stringify(mergePatch({ a: {} }, after))).toBe('{"a":{"__proto__":""}}');
    expect(JSON.stringify(applyMergePatch({}, after))).toBe('{"a":{"__proto__":""}}');
  });

  it("has only what differs", () => {
    expect(mergePatch({ a: { b: 1, c: [1] }, d: 1 }, { a: { b: 1, c: [1, 2] } })).toEqual({
      a: { c: [1, 2] },
      d: null,
    });
    expect(mergePatch({ a: [{ b: 1 }], c: undefined }, { a: [{ b: 1 }] })).toBeUndefined();
  });
});
