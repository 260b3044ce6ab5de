import { describe, expect, it } from "vitest";
import { type BiosDisk, biosLoader, type Placed, renewedBiosLoader } from "./grub-bios.ts";

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

describe("renewedBiosLoader", () => {
  const newer = { bootImg: new Uint8Array(512).fill(0xcc), coreImg: new Uint8Array(5 * 512).fill(0xdd) };

  /** A disk after some of the writes; whatever is not written is of a partition table or zero. */
  function after(writes: readonly Placed[]): BiosDisk {
    const disk = new Uint8Array(2 * MiB).fill(0xee, 0x1b8, 512);
    for (const { offset, bytes } of writes) disk.set(bytes, offset);
    return { firstSector: disk.slice(0, 512), partition: disk.slice(MiB) };
  }

  /** The core that a BIOS starts on this disk. */
  function started({ firstSector, partition }: BiosDisk): number[] {
    const start = Number(new DataView(firstSector.buffer).getBigUint64(0x5c, true)) * 512 - MiB;
    const sectors = new DataView(partition.buffer).getUint16(start + 508, true);
    const rest = Number(new DataView(partition.buffer).getBigUint64(start + 500, true)) * 512 - MiB;
    return [...partition.slice(start, start + 500), ...partition.slice(rest, rest + sectors * 512)];
  }

  const installed = biosLoader({ bootImg, coreImg }, where);

  it("writes nothing if that loader is there", () => {
    expect(renewedBiosLoader({ bootImg, coreImg }, after(installed), where)).toEqual([]);
  });

  it("boots the old core or the new one after each write, and the partition table stays", () => {
    const before = after(installed);
    const writes = renewedBiosLoader(newer, before, where) ?? [];
    expect(writes).toHaveLength(2);
    const [half, whole] = [after([...installed, ...writes.slice(0, 1)]), after([...installed, ...writes])];
    expect(started(half)).toEqual(started(before));
    expect(started(whole)).toEqual(started(after(biosLoader(newer, where))));
    expect([...whole.firstSector.slice(0x1b8)]).toEqual(Array(512 - 0x1b8).fill(0xee));
    expect(renewedBiosLoader(newer, whole, where)).toEqual([]);
  });

  it("goes on with the other half, and back", () => {
    const once = [...installed, ...(renewedBiosLoader(newer, after(installed), where) ?? [])];
    const twice = [...once, ...(renewedBiosLoader({ bootImg, coreImg }, after(once), where) ?? [])];
    expect(started(after(twice))).toEqual(started(after(installed)));
  });

  it("leaves another loader alone, and refuses a core that is too large for half of the partition", () => {
    expect(renewedBiosLoader(newer, after([]), where)).toBeUndefined();
    const large = { bootImg, coreImg: new Uint8Array(MiB / 2 + 1) };
    expect(() => renewedBiosLoader(large, after(installed), where)).toThrow("do not fit");
  });
});
