import { expect, it } from "vitest";
import { iso9660 } from "./iso9660.ts";

/** Reads the volume the way a kernel does: descriptor, root directory, extents. */
function read(volume: Uint8Array): { label: string; files: Record<string, string> } {
  const view = new DataView(volume.buffer);
  const text = (from: number, length: number) => new TextDecoder().decode(volume.subarray(from, from + length));
  const descriptor = 16 * 2048;
  expect(text(descriptor + 1, 5)).toBe("CD001");
  expect(view.getUint32(descriptor + 80, true) * 2048).toBe(volume.length);
  const files: Record<string, string> = {};
  let at = view.getUint32(descriptor + 156 + 2, true) * 2048;
  for (let length = volume[at] ?? 0; length > 0; at += length, length = volume[at] ?? 0) {
    const name = text(at + 33, volume[at + 32] ?? 0);
    if (name !== "\0" && name !== "\x01") {
      files[name] = text(view.getUint32(at + 2, true) * 2048, view.getUint32(at + 10, true));
    }
  }
  return { label: text(descriptor + 40, 32).trimEnd(), files };
}

it("holds what was put in", () => {
  const files = { "user-data": "x".repeat(5000), "meta-data": "", "a.txt": "ä" };
  expect(read(iso9660("cidata", files))).toEqual({
    label: "cidata",
    files: { "A.TXT;1": "ä", "META-DATA.;1": "", "USER-DATA.;1": "x".repeat(5000) },
  });
});

it("says the same twice, and every number with both ends first", () => {
  const volume = iso9660("cidata", { "user-data": "a" });
  expect(volume).toEqual(iso9660("cidata", { "user-data": "a" }));
  const view = new DataView(volume.buffer);
  expect(view.getUint32(16 * 2048 + 80, true)).toBe(view.getUint32(16 * 2048 + 84, false));
});

it("refuses names that Linux would show differently", () => {
  expect(() => iso9660("cidata", { "User Data": "" })).toThrow(/no file name/);
  expect(() => iso9660("my volume", {})).toThrow(/no volume label/);
});
