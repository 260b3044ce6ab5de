import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../config/bytes.ts";
import { lineSplitter } from "./lines.ts";

/** Cuts bytes at places that come from `cuts`. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.slice(places[index], place));
}

const line = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.replaceAll("\n", "ü€😀"));
const cuts = fc.array(fc.nat(), { maxLength: 60 });

describe("lineSplitter", () => {
  it("finds the same lines wherever the pieces are cut, even inside characters", () => {
    fc.assert(
      fc.property(fc.array(line), line, cuts, (lines, rest, places) => {
        const split = lineSplitter(1000);
        const bytes = utf8(lines.map((text) => `${text}\n`).join("") + rest);
        const found = pieces(bytes, places).flatMap((piece) => split(piece).lines);
        expect(found).toEqual(lines.map((text) => Buffer.from(text).toString()));
      }),
    );
  });

  it("refuses a line exactly when it is longer than the limit, and tells those before it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30)), cuts, (lengths, places) => {
        const limit = 20;
        const split = lineSplitter(limit);
        const bytes = utf8(lengths.map((length) => `${"x".repeat(length)}\n`).join(""));
        const results = pieces(bytes, places).map(split);
        const first = lengths.findIndex((length) => length > limit);
        const short = first < 0 ? lengths : lengths.slice(0, first);
        expect(results.flatMap(({ lines }) => lines.map(({ length }) => length))).toEqual(short);
        expect(results.at(-1)?.isTooLong ?? false).toBe(first >= 0);
      }),
    );
  });

  it("refuses a line that does not end before it has come", () => {
    const split = lineSplitter(3);
    expect(split(utf8("abc"))).toEqual({ lines: [], isTooLong: false });
    expect(split(utf8("d"))).toEqual({ lines: [], isTooLong: true });
  });

  it("takes a long line in single bytes", () => {
    const split = lineSplitter(200_000);
    const byte = utf8("x");
    for (let count = 0; count < 200_000; count++) split(byte);
    expect(split(utf8("\nab\n")).lines.map(({ length }) => length)).toEqual([200_000, 2]);
  });
});
