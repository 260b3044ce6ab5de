import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { copyFiles, requireDirectory } from "./copy-files.ts";

it("copies a disk without filling its holes, readable by those who could read it before", async () => {
  const directory = mkdtempSync(join(tmpdir(), "k3os-copy-"));
  try {
    const disk = join(directory, "disk.raw");
    const file = openSync(disk, "w", 0o600);
    truncateSync(disk, 64 << 20);
    writeSync(file, "data", 32 << 20);
    closeSync(file);
    await copyFiles(directory, join(directory, "out"));
    const copy = join(directory, "out/disk.raw");
    expect(readFileSync(copy).equals(readFileSync(disk))).toBe(true);
    expect(statSync(copy)).toMatchObject({ size: 64 << 20, mode: 0o100600 });
    expect(statSync(copy).blocks * 512).toBeLessThan(8 << 20);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it("refuses at once a directory that cannot be written to", async () => {
  const refusal = "/proc/out/x cannot be written: it cannot be made there.";
  await expect(requireDirectory("/proc/out/x")).rejects.toThrow(refusal);
  await expect(requireDirectory(import.meta.filename)).rejects.toThrow("it is no directory");
});
