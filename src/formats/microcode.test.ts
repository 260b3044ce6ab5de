import { expect, it } from "vitest";
import { text } from "./bytes.ts";
import { cpio } from "./cpio.ts";
import { microcodeEntries } from "./microcode.ts";

/** As the kernel's `find_cpio_data` looks for a file: by the names of an uncompressed archive, from its start. */
function kernelFinds(archive: Uint8Array, path: string): string | undefined {
  const bytes = Buffer.from(archive);
  const aligned = (offset: number) => (offset + 3) & ~3;
  for (let at = 0; bytes.toString("latin1", at, at + 6) === "070701"; ) {
    const field = (index: number) =>
      Number.parseInt(bytes.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const data = aligned(at + 110 + nameSize);
    if (bytes.toString("latin1", at + 110, at + 109 + nameSize) === path)
      return bytes.toString("latin1", data, data + size);
    at = aligned(data + size);
  }
  return undefined;
}

it("microcode is where the kernel looks for it, in one piece for each vendor", () => {
  const entries = microcodeEntries([
    { vendor: "AuthenticAMD", parts: [text("amd")] },
    { vendor: "GenuineIntel", parts: [text("06-55-"), text("06-8f")] },
  ]);
  const archive = cpio(entries);
  expect(kernelFinds(archive, "kernel/x86/microcode/GenuineIntel.bin")).toBe("06-55-06-8f");
  expect(kernelFinds(archive, "kernel/x86/microcode/AuthenticAMD.bin")).toBe("amd");
  // What follows an archive must be aligned, too.
  expect(archive.length % 4).toBe(0);
});

it("without microcode there is nothing to put in front of an initrd", () => {
  expect(microcodeEntries([{ vendor: "GenuineIntel", parts: [] }])).toEqual([]);
});
