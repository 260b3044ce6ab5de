import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { isZero, type Layer, PAGE, type Page, type Volume } from "./volume.ts";

/** A part of the disk as a file, for programs that read it. */
export interface WorkingFile {
  readonly path: string;
  /** Makes it what the volume is with this layer over it. */
  become(layer: Layer): void;
  /** Takes over what was committed to the volume. Call it after each commit, with the layer. */
  follow(layer: Layer): void;
  close(): void;
}

/** A file that nobody but `become` changes: it is rewritten only where it differs. */
export function readOnlyFile(path: string, volume: Volume, pages: readonly number[]): WorkingFile {
  const file = openSync(path, "w+");
  ftruncateSync(file, volume.size);
  const put = (number: number, { bytes }: Page) => writeSync(file, bytes, 0, PAGE, number * PAGE);
  for (const number of pages) put(number, volume.page(number));
  let over = new Map<number, number>();
  return {
    path,
    become(layer) {
      for (const number of over.keys()) if (!layer.has(number)) put(number, volume.page(number));
      for (const [number, page] of layer) if (over.get(number) !== page.id) put(number, page);
      over = new Map([...layer].map(([number, { id }]) => [number, id]));
    },
    follow(layer) {
      for (const number of over.keys()) put(number, volume.page(number));
      over = new Map();
      for (const [number, page] of layer) put(number, page);
    },
    close: () => closeSync(file),
  };
}

/**
 * A file that is made anew each time, because a program repairs it. Pages that `leaveOut` names read as zeros: the
 * content of large files, which no check of a file system looks at.
 */
export function repairedFile(
  path: string,
  volume: Volume,
  pages: readonly number[],
  leaveOut: (page: Page) => boolean,
): WorkingFile {
  const file = openSync(path, "w+");
  const kept = new Map<number, Page>();
  const keep = (number: number, page: Page) =>
    leaveOut(page) || isZero(page) ? kept.delete(number) : kept.set(number, page);
  for (const number of pages) keep(number, volume.page(number));
  let runs: { readonly at: number; readonly bytes: Uint8Array }[] | undefined;
  return {
    path,
    become(layer) {
      runs ??= runsOf(kept);
      ftruncateSync(file, 0);
      ftruncateSync(file, volume.size);
      for (const { at, bytes } of runs) writeSync(file, bytes, 0, bytes.length, at);
      for (const [number, page] of layer) if (!leaveOut(page)) writeSync(file, page.bytes, 0, PAGE, number * PAGE);
    },
    follow(layer) {
      for (const [number, page] of layer) keep(number, page);
      runs = undefined;
    },
    close: () => closeSync(file),
  };
}

function runsOf(pages: ReadonlyMap<number, Page>): { at: number; bytes: Uint8Array }[] {
  const runs: { first: number; parts: Uint8Array[] }[] = [];
  for (const number of [...pages.keys()].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    const { bytes } = pages.get(number) as Page;
    if (last !== undefined && last.first + last.parts.length === number) last.parts.push(bytes);
    else runs.push({ first: number, parts: [bytes] });
  }
  return runs.map(({ first, parts }) => ({ at: first * PAGE, bytes: Buffer.concat(parts) }));
}
