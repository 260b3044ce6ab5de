import fc from "fast-check";
import { expect, it } from "vitest";
import { base64, base64Flaw, fromUtf8, latin1, sameBytes, toBase64, utf8 } from "./bytes.ts";

it("encodes UTF-8 as the platform does", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(sameBytes(utf8(text), Buffer.from(text))).toBe(true);
      expect(fromUtf8(utf8(text))).toBe(text);
    }),
  );
  expect([...utf8("\ud800")]).toEqual([0xef, 0xbf, 0xbd]);
  expect(fromUtf8(new Uint8Array([0xff]))).toBeUndefined();
});

it("decodes base64 as the platform does, with or without padding, white space and the other alphabet", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.boolean(), (bytes, padded) => {
      const text = Buffer.from(bytes).toString("base64").replace(/.{7}/g, "$&\n ");
      const written = padded ? text : text.replace(/=/g, "").replace(/\+/g, "-").replace(/\//g, "_");
      expect(base64Flaw(written)).toBeUndefined();
      expect(sameBytes(base64(written), bytes)).toBe(true);
    }),
  );
});

it("encodes base64 as the platform does", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => toBase64(bytes) === Buffer.from(bytes).toString("base64")));
});

it.each([
  ["aGk!", '"!" as character 4'],
  ["aGk=aGk=", '"=" in the middle, as character 4'],
  ["aGkaa", "5 digits, so some are missing"],
  ["ä", '"ä" as character 1'],
])("says what is wrong with %s", (text, flaw) => expect(base64Flaw(text)).toBe(flaw));

it("takes characters for bytes", () => {
  expect(latin1("\x1f\x8b")).toEqual(new Uint8Array([0x1f, 0x8b]));
  expect(latin1("€")).toBeUndefined();
});
