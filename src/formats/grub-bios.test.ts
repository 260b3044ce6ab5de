import { describe, expect, it } from "vitest";
import { biosLoader } from "./grub-bios.ts";

const MiB = 1 << 20;
const bootImg = new Uint8Array(512).fill(0xaa);
const coreImg = new Uint8Array(3 * 512 + 7).fill(0xbb);
const where = { start: MiB, size: MiB };

describe("biosLoader", () => {
  const [boot, core] = biosLoader({ bootImg, coreImg }, where);
  const view = (bytes: Uint8Array | undefined) => new DataView((bytes ?? new Uint8Array()).buffer);

  it("leads from the first sector to the partition", () => {
    expect(boot?.offset).toBe(0);
    expect(view(boot?.bytes).getBigUint64(0x5c, true)).toBe(2048n);
    expect(view(boot?.bytes).getUint16(0x66)).toBe(0x9090);
  });

  it("leaves the partition table alone", () => expect(boot?.bytes.length).toBe(0x1b8));

  it("leads from the first sector of the core to the rest of it", () => {
    expect(core?.offset).toBe(MiB);
    expect(core?.bytes.length).toBe(4 * 512);
    expect(view(core?.bytes).getBigUint64(500, true)).toBe(2049n);
    expect(view(core?.bytes).getUint16(508, true)).toBe(3);
  });

  it("keeps everything else as it is, and its arguments too", () => {
    expect([...(core?.bytes.subarray(512, coreImg.length) ?? [])]).toEqual([...coreImg.subarray(512)]);
    expect(bootImg.every((byte) => byte === 0xaa) && coreImg.every((byte) => byte === 0xbb)).toBe(true);
  });

  it.each([
    [{ bootImg: new Uint8Array(446), coreImg }, where, "boot.img: expected 512 bytes, got 446"],
    [{ bootImg, coreImg }, { start: MiB, size: 512 }, "do not fit into 512"],
    [{ bootImg, coreImg }, { start: 100, size: MiB }, "does not begin at a sector"],
  ])("refuses what cannot boot (%#)", (images, partition, message) =>
    expect(() => biosLoader(images, partition)).toThrow(message),
  );
});
