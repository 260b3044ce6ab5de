import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { STATE } from "../../src/image/disk.ts";
import { applyUnit, epochsOf, noLayers, partsOf } from "./log.ts";
import { pageOf } from "./volume.ts";

const directory = mkdtempSync(join(tmpdir(), "k3os-log-"));
const size = (STATE.startMiB + 4) << 20;
const base = join(directory, "base");
writeFileSync(base, "");
truncateSync(base, size);
const handle = openSync(base, "r");

afterAll(() => {
  closeSync(handle);
  rmSync(directory, { recursive: true });
});

const SECTOR = 512;
const start = STATE.startMiB << 20;

/** A log of writes; `undefined` is a flush. */
function logOf(writes: readonly (readonly [offset: number, content: Uint8Array] | undefined)[]): string {
  const entry = (...numbers: readonly number[]) => {
    const bytes = Buffer.alloc(SECTOR);
    for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), 8 * index);
    return bytes;
  };
  const head = entry(0, 1, writes.length, SECTOR);
  head.writeBigUInt64LE(0x6a736677736872n);
  const entries = writes.map((write) => {
    if (write === undefined) return entry(0, 0, 1);
    const [offset, content] = write;
    return Buffer.concat([entry(offset / SECTOR, content.length / SECTOR), content]);
  });
  const file = join(directory, "log");
  writeFileSync(file, Buffer.concat([head, ...entries]));
  return file;
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);
const image = filled(4096, 7);
const epochs = () => {
  const log = logOf([
    [start, filled(1024, 1)],
    [start + 4096, image],
    [start + 8192, image],
    undefined,
    undefined,
    [start + 512, filled(512, 0)],
    [start, filled(512, 0)],
  ]);
  const marks = [
    { operation: "one", at: 0 },
    { operation: "two", at: SECTOR * 22 },
  ];
  return [...epochsOf({ base, log, marks }, new Set([pageOf(image).id]))];
};

it("splits a log at its flushes, and takes a run of image data for one write", () => {
  expect(epochs().map(({ operation, units }) => [operation, units.map(({ sectors }) => sectors)])).toEqual([
    ["one", [2, 16]],
    ["two", [1, 1]],
  ]);
});

it("lays writes over the disk, as a whole or sector by sector, and knows a disk again by its content", () => {
  const parts = partsOf(handle, size);
  const [first, second] = epochs();
  const layers = noLayers();
  const [write, run] = first?.units ?? [];
  if (write === undefined || run === undefined) throw new Error("the epoch has two units");
  applyUnit(parts, layers, write, [1]);
  expect([...(layers.state.get(0)?.bytes ?? [])].slice(510, 514)).toEqual([0, 0, 1, 1]);
  applyUnit(parts, layers, run);
  expect(layers.state.get(2)?.id).toBe(pageOf(image).id);
  const untouched = parts.state.key(new Map());
  for (const unit of first?.units ?? []) applyUnit(parts, layers, unit);
  parts.state.commit(layers.state);
  expect(parts.state.key(new Map())).not.toBe(untouched);
  const back = noLayers();
  for (const unit of second?.units ?? []) applyUnit(parts, back, unit);
  parts.state.commit(back.state);
  const pages = [1, 2].map((number) => [number, parts.state.basePage(number)] as const);
  expect(parts.state.key(new Map(pages))).toBe(untouched);
});
