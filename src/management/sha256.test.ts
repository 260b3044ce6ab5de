import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { sha256 } from "./sha256.ts";

const wanted = (text: string) => createHash("sha256").update(text).digest("hex");

it.each(["", "abc", "é€𝄞", ..."x".repeat(130)].map((text, index) => (text === "x" ? text.repeat(index) : text)))(
  "has the SHA-256 of %j",
  (text) => {
    expect(sha256(text)).toBe(wanted(text));
  },
);

it("has the SHA-256 of any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
      expect(sha256(text)).toBe(wanted(text));
    }),
  );
});
