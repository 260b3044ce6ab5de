import { decodeUtf8 } from "../../host/utf8.ts";

/** What a piece of output completes. */
export interface Split {
  /** Without their `\n`. */
  readonly lines: readonly string[];
  /** The line that follows is longer than allowed. Nothing is split any more. */
  readonly isTooLong: boolean;
}

const NEWLINE = 10;
const FIRST_ROOM = 4096;

/** Splits output that comes in pieces, cut anywhere, into lines of UTF-8 of at most `limit` bytes. */
export function lineSplitter(limit: number): (chunk: Uint8Array) => Split {
  /** A copy, because a line may come in as many pieces as it has bytes. */
  let begun = new Uint8Array(FIRST_ROOM);
  let size = 0;
  let isTooLong = false;

  function add(piece: Uint8Array): void {
    if (size + piece.length > begun.length) {
      const larger = new Uint8Array(Math.max(2 * begun.length, size + piece.length));
      larger.set(begun.subarray(0, size));
      begun = larger;
    }
    begun.set(piece, size);
    size += piece.length;
  }

  function take(): string {
    const line = decodeUtf8(begun.subarray(0, size));
    size = 0;
    if (begun.length > 16 * FIRST_ROOM) begun = new Uint8Array(FIRST_ROOM);
    return line;
  }

  return (chunk) => {
    const lines: string[] = [];
    for (let at = 0; at < chunk.length && !isTooLong; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const piece = chunk.subarray(at, newline < 0 ? chunk.length : newline);
      isTooLong = size + piece.length > limit;
      if (!isTooLong) add(piece);
      if (isTooLong || newline < 0) break;
      lines.push(take());
      at = newline + 1;
    }
    return { lines, isTooLong };
  };
}
