import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { K3osError } from "../errors.ts";
import { readElf } from "./elf.ts";

const loader = "/lib64/ld-linux.so.2";

/**
 * A program that needs two libraries: header, four segments, the loader's name, the table of names, the dynamic
 * section.
 */
function program(): Uint8Array {
  const bytes = new Uint8Array(1024);
  const view = new DataView(bytes.buffer);
  const at = { interpreter: 400, names: 500, dynamic: 600 };
  const address = 0x400000n;
  view.setUint32(0, 0x7f454c46);
  bytes.set([2, 1, 1], 4);
  view.setUint16(18, 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, 3, true);
  const segment = (index: number, type: number, offset: number, size: number) => {
    view.setUint32(64 + index * 56, type, true);
    view.setBigUint64(64 + index * 56 + 8, BigInt(offset), true);
    view.setBigUint64(64 + index * 56 + 16, address + BigInt(offset), true);
    view.setBigUint64(64 + index * 56 + 32, BigInt(size), true);
  };
  segment(0, 3, at.interpreter, loader.length + 1);
  segment(1, 1, 0, 1024);
  segment(2, 2, at.dynamic, 5 * 16);
  const write = (offset: number, text: string) => bytes.set(new TextEncoder().encode(`${text}\0`), offset);
  write(at.interpreter, loader);
  write(at.names, "\0libc.so.6\0libm.so.6");
  const entries = [
    [1n, 1n],
    [1n, 11n],
    [5n, address + BigInt(at.names)],
    [30n, 8n],
    [0n, 0n],
  ] as const;
  for (const [index, [tag, value]] of entries.entries()) {
    view.setBigUint64(at.dynamic + index * 16, tag, true);
    view.setBigUint64(at.dynamic + index * 16 + 8, value, true);
  }
  return bytes;
}

describe("an ELF file", () => {
  it("tells its processor, its loader and its libraries", () => {
    expect(readElf(program(), "x")).toEqual({ machine: 62, interpreter: loader, needed: ["libc.so.6", "libm.so.6"] });
  });

  it("without a dynamic section needs nothing", () => {
    const bytes = program();
    bytes[56] = 0;
    expect(readElf(bytes, "x")).toEqual({ machine: 62, interpreter: undefined, needed: [] });
  });

  const changed = (change: (bytes: Uint8Array, view: DataView) => void) => {
    const bytes = program();
    change(bytes, new DataView(bytes.buffer));
    return bytes;
  };

  it.each([
    ["nothing", new Uint8Array(), "its header lies beyond its end"],
    ["a script", new TextEncoder().encode("#!/bin/sh\n".repeat(20)), "it does not begin as one"],
    ["for 32 bits", changed((bytes) => bytes.set([1], 4)), "it has another size or order of bytes"],
    ["whose headers are cut off", program().subarray(0, 150), "a program header lies beyond its end"],
    ["whose section is cut off", program().subarray(0, 610), "its dynamic section lies beyond its end"],
    [
      "whose table of names is nowhere",
      changed((_, view) => view.setBigUint64(600 + 2 * 16 + 8, 1n, true)),
      "its table of names is not in the file",
    ],
    [
      "whose library has its name far away",
      changed((_, view) => view.setBigUint64(608, 1n << 60n, true)),
      "the name of a library lies beyond its end",
    ],
    [
      "whose last name does not end",
      changed((bytes) => bytes.fill(65, 400, 1024)).subarray(0, 599),
      "the name of its loader has no end",
    ],
  ])("%s is refused", (_, bytes, detail) => {
    const message = `usr/bin/x is not an ELF file for 64 bits: ${detail}.`;
    expect(() => readElf(bytes, "usr/bin/x")).toThrow(expect.objectContaining({ kind: "integrity", message }));
  });

  it("is read or refused, whatever is in it", () => {
    const edits = fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(edits, fc.nat(1024), (changes, length) => {
        const bytes = program();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const { needed } = readElf(bytes.subarray(0, length), "x");
          expect(needed.every((name) => !name.includes("\0"))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(K3osError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
