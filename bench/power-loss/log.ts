import { readFileSync } from "node:fs";
import { LOG_RECORD_BYTES, type LoggedWrite, parseLogEntry, parseLogHeader } from "../../src/formats/write-log.ts";
import { ESP, STATE } from "../../src/image/disk.ts";
import type { Session } from "./record.ts";
import { isZero, PAGE, type Page, pageOf, SECTOR, Volume } from "./volume.ts";

const MIB = 1 << 20;

/** The parts of a disk: what precedes the partitions, and the two file systems. */
export interface Parts {
  readonly head: Volume;
  readonly esp: Volume;
  readonly state: Volume;
}
export type PartName = keyof Parts;
export const PART_NAMES = ["head", "esp", "state"] as const satisfies readonly PartName[];

/** `base` is an open file of `size` bytes. */
export function partsOf(base: number, size: number): Parts {
  const [esp, state] = [ESP.startMiB * MIB, STATE.startMiB * MIB];
  return {
    head: new Volume(base, 0, esp),
    esp: new Volume(base, esp, state - esp),
    state: new Volume(base, state, size - state),
  };
}

/** A write to one part. */
export interface PartWrite {
  readonly part: PartName;
  /** Bytes from the start of the part. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Of each page that it covers as a whole, by the page's number. */
  readonly whole: ReadonlyMap<number, Page>;
}

/** What is written, or not written, as one: a write, or a run of writes of image data. */
export interface Unit {
  readonly writes: readonly PartWrite[];
  readonly sectors: number;
}

/** What is written between two flushes. */
export interface Epoch {
  readonly operation: string;
  readonly units: readonly Unit[];
}

/** Ids of pages that are data of an image. */
export type ImagePages = ReadonlySet<number>;

/** The epochs of a session. Those without a write are left out. */
export function* epochsOf({ log, marks }: Session, images: ImagePages): Generator<Epoch> {
  const bytes = readFileSync(log);
  const header = parseLogHeader(bytes);
  const operationAt = (at: number) => marks.findLast((mark) => mark.at <= at)?.operation ?? "";
  let writes: PartWrite[] = [];
  let from = 0;
  for (let at = header.sectorSize; at + LOG_RECORD_BYTES <= bytes.length; ) {
    const entry = parseLogEntry(bytes.subarray(at, at + LOG_RECORD_BYTES), at, header);
    if (entry.end > bytes.length) break;
    if (writes.length === 0) from = at;
    // A flush covers what was complete before it; one that writes, too, is a flush, then the write.
    if (entry.flush && writes.length > 0) {
      yield { operation: operationAt(from), units: unitsOf(writes, images) };
      writes = [];
      from = at;
    }
    if (entry.data !== undefined) writes.push(partWrite(entry, bytes));
    if (entry.forced && writes.length > 0) {
      yield { operation: operationAt(from), units: unitsOf(writes, images) };
      writes = [];
    }
    at = entry.end;
  }
  if (writes.length > 0) yield { operation: operationAt(from), units: unitsOf(writes, images) };
}

function partWrite({ offset, length, data = 0 }: LoggedWrite, log: Uint8Array): PartWrite {
  const part = offset < ESP.startMiB * MIB ? "head" : offset < STATE.startMiB * MIB ? "esp" : "state";
  const start = part === "head" ? 0 : (part === "esp" ? ESP : STATE).startMiB * MIB;
  const bytes = log.subarray(data, data + length);
  const whole = new Map<number, Page>();
  for (let page = Math.ceil((offset - start) / PAGE); (page + 1) * PAGE <= offset - start + length; page++) {
    const from = page * PAGE - (offset - start);
    whole.set(page, pageOf(bytes.subarray(from, from + PAGE)));
  }
  return { part, offset: offset - start, bytes, whole };
}

function unitsOf(writes: readonly PartWrite[], images: ImagePages): Unit[] {
  const units: { writes: PartWrite[]; sectors: number; data: boolean }[] = [];
  for (const write of writes) {
    const data = isImageData(write, images);
    const last = units.at(-1);
    const sectors = write.bytes.length / SECTOR;
    if (data && last?.data) {
      last.writes.push(write);
      last.sectors += sectors;
    } else units.push({ writes: [write], sectors, data });
  }
  return units;
}

function isImageData({ whole, bytes }: PartWrite, images: ImagePages): boolean {
  if (whole.size === 0 || whole.size * PAGE < bytes.length) return false;
  return [...whole.values()].every((page) => images.has(page.id) && !isZero(page));
}

/** Changes over each part. */
export type Layers = Record<PartName, Map<number, Page>>;

export const noLayers = (): Layers => ({ head: new Map(), esp: new Map(), state: new Map() });

/** Applies a unit, or only these sectors of it, to `layers`. */
export function applyUnit(parts: Parts, layers: Layers, unit: Unit, sectors?: readonly number[]): void {
  if (sectors === undefined) {
    for (const write of unit.writes) applyWrite(parts, layers, write);
    return;
  }
  const chosen = new Set(sectors);
  let first = 0;
  for (const write of unit.writes) {
    const count = write.bytes.length / SECTOR;
    for (let sector = 0; sector < count; sector++) {
      if (!chosen.has(first + sector)) continue;
      const bytes = write.bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR);
      applyBytes(parts, layers, write.part, write.offset + sector * SECTOR, bytes);
    }
    first += count;
  }
}

function applyWrite(parts: Parts, layers: Layers, { part, offset, bytes, whole }: PartWrite): void {
  const layer = layers[part];
  const end = offset + bytes.length;
  for (let number = Math.floor(offset / PAGE); number * PAGE < end; number++) {
    const page = whole.get(number);
    if (page !== undefined) layer.set(number, page);
    else {
      const from = Math.max(offset, number * PAGE);
      const to = Math.min(end, (number + 1) * PAGE);
      applyBytes(parts, layers, part, from, bytes.subarray(from - offset, to - offset));
    }
  }
}

/** Bytes that lie in one page. */
function applyBytes(parts: Parts, layers: Layers, part: PartName, offset: number, bytes: Uint8Array): void {
  const number = Math.floor(offset / PAGE);
  const content = new Uint8Array(parts[part].page(number, layers[part]).bytes);
  content.set(bytes, offset - number * PAGE);
  layers[part].set(number, pageOf(content));
}
