import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { identity } from "./identity.ts";

const digest = (parts: unknown) => digestOf(identity(parts));

describe("the identity of parts", () => {
  it("depends on bytes and entries", () => {
    const program = (text: string) => new Map([["k3os.js", new TextEncoder().encode(text)]]);
    expect(digest(program("a"))).toBe(digest(program("a")));
    expect(digest(program("a"))).not.toBe(digest(program("b")));
  });

  it("is that of an object's field of this name, wherever the object lies", () => {
    expect(digest({ overlay: { path: "/here", identity: "1" } })).toBe(
      digest({ overlay: { path: "/there", identity: "1" } }),
    );
    expect(digest({ overlay: { path: "/here", identity: "1" } })).not.toBe(
      digest({ overlay: { path: "/here", identity: "2" } }),
    );
  });

  it("refuses what has none", () => {
    expect(() => identity({ make: () => 1 })).toThrow(TypeError);
  });
});
