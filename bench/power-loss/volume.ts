import { createHash } from "node:crypto";
import { readSync } from "node:fs";

export const PAGE = 4096;
export const SECTOR = 512;

/** Content of a page, and a number that tells it from others. */
export interface Page {
  readonly bytes: Uint8Array;
  readonly id: number;
}

/** Changes over a volume, by page. */
export type Layer = ReadonlyMap<number, Page>;

export function pageOf(bytes: Uint8Array): Page {
  return { bytes, id: createHash("sha1").update(bytes).digest().readUIntBE(0, 6) };
}

const ZERO = pageOf(new Uint8Array(PAGE));

/** Whether the page holds nothing but zeros. */
export const isZero = ({ id }: Page) => id === ZERO.id;

/** A part of a disk: a file with what was there before, and what was written over it since. */
export class Volume {
  readonly start: number;
  readonly size: number;
  readonly #base: number;
  readonly #changed = new Map<number, Page>();
  readonly #ids = new Map<number, number>();
  #key: readonly [number, number] = [0, 0];

  /** `base` is an open file. `start` and `size` are bytes. */
  constructor(base: number, start: number, size: number) {
    this.#base = base;
    this.start = start;
    this.size = size;
  }

  get pages(): number {
    return Math.floor(this.size / PAGE);
  }

  /** Changed pages. */
  get changed(): Layer {
    return this.#changed;
  }

  page(number: number, layer?: Layer): Page {
    return layer?.get(number) ?? this.#changed.get(number) ?? this.basePage(number);
  }

  /** As `page`, but only what tells it from others. */
  id(number: number, layer?: Layer): number {
    const page = layer?.get(number) ?? this.#changed.get(number);
    if (page !== undefined) return page.id;
    const known = this.#ids.get(number);
    if (known !== undefined) return known;
    return this.basePage(number).id;
  }

  /** What was there before. */
  basePage(number: number): Page {
    const bytes = new Uint8Array(PAGE);
    readSync(this.#base, bytes, 0, PAGE, this.start + number * PAGE);
    const page = this.#ids.get(number) === ZERO.id ? ZERO : pageOf(bytes);
    this.#ids.set(number, page.id);
    return page;
  }

  /** Numbers of the pages that were not empty before. */
  usedPages(): number[] {
    const chunk = Buffer.alloc(256 * PAGE);
    const used: number[] = [];
    for (let first = 0; first < this.pages; first += 256) {
      const read = readSync(this.#base, chunk, 0, chunk.length, this.start + first * PAGE);
      if (read === 0) break;
      for (let page = 0; page * PAGE < read; page++) {
        if (chunk.compare(ZERO.bytes, 0, PAGE, page * PAGE, (page + 1) * PAGE) === 0)
          this.#ids.set(first + page, ZERO.id);
        else used.push(first + page);
      }
    }
    return used;
  }

  /** Equal for volumes of equal content. */
  key(layer: Layer): string {
    let [high, low] = this.#key;
    for (const [number, { id }] of layer) {
      const [oldHigh, oldLow] = mix(number, this.id(number));
      const [newHigh, newLow] = mix(number, id);
      high ^= oldHigh ^ newHigh;
      low ^= oldLow ^ newLow;
    }
    return `${(high >>> 0).toString(16)}-${(low >>> 0).toString(16)}`;
  }

  commit(layer: Layer): void {
    let [high, low] = this.#key;
    for (const [number, page] of layer) {
      const [oldHigh, oldLow] = mix(number, this.id(number));
      const [newHigh, newLow] = mix(number, page.id);
      high ^= oldHigh ^ newHigh;
      low ^= oldLow ^ newLow;
      this.#changed.set(number, page);
    }
    this.#key = [high, low];
  }
}

/** Two numbers of 32 bits for a page with this content at this place. */
function mix(number: number, id: number): readonly [number, number] {
  const [high, low] = [Math.floor(id / 2 ** 24), id % 2 ** 24];
  return [stir(high ^ Math.imul(number, 0x9e3779b1)), stir((low ^ Math.imul(number, 0x85ebca6b)) + 0x27d4eb2f)];
}

function stir(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 16);
}
