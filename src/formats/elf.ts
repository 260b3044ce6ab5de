import { K3osError } from "../errors.ts";

/** What of an ELF program or library tells what it needs to run (System V ABI, chapters 4 and 5). */
export interface Elf {
  /** `e_machine`: the processor that it is for. */
  readonly machine: number;
  /** The dynamic loader that it asks for; programs have one, libraries and static programs do not. */
  readonly interpreter: string | undefined;
  /** Names of the libraries that it is linked with, without what these need in turn. */
  readonly needed: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;
const DYNAMIC_SIZE = 16;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

/**
 * Reads a 64-bit little-endian ELF file. `name` is how errors call it; a file that is cut off or not consistent is a
 * K3osError "integrity".
 */
export function readElf(file: Uint8Array, name: string): Elf {
  const broken = (detail: string) => new K3osError("integrity", `${name} is not an ELF file for 64 bits: ${detail}.`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const require = (offset: number, size: number, what: string) => {
    if (!(offset >= 0 && offset + size <= file.length)) throw broken(`${what} lies beyond its end`);
    return offset;
  };
  const text = (offset: number, what: string) => {
    const end = file.indexOf(0, require(offset, 1, what));
    if (end < 0) throw broken(`${what} has no end`);
    return new TextDecoder().decode(file.subarray(offset, end));
  };

  require(0, HEADER_SIZE, "its header");
  if (view.getUint32(0) !== 0x7f454c46) throw broken("it does not begin as one");
  if (view.getUint8(4) !== 2 || view.getUint8(5) !== 1) throw broken("it has another size or order of bytes");

  const start = Number(view.getBigUint64(32, true));
  const segments = Array.from({ length: view.getUint16(56, true) }, (_, index): Segment => {
    const at = require(start + index * SEGMENT_SIZE, SEGMENT_SIZE, "a program header");
    return {
      type: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 8, true)),
      address: view.getBigUint64(at + 16, true),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  });
  const find = (type: number) => segments.find((segment) => segment.type === type);

  const interpreter = find(PT_INTERP);
  return {
    machine: view.getUint16(18, true),
    interpreter: interpreter && text(interpreter.offset, "the name of its loader"),
    needed: readNeeded(find(PT_DYNAMIC)),
  };

  function readNeeded(dynamic: Segment | undefined): string[] {
    if (dynamic === undefined) return [];
    const names: bigint[] = [];
    let strings: bigint | undefined;
    for (let at = dynamic.offset; at + DYNAMIC_SIZE <= dynamic.offset + dynamic.size; at += DYNAMIC_SIZE) {
      require(at, DYNAMIC_SIZE, "its dynamic section");
      const tag = view.getBigUint64(at, true);
      const value = view.getBigUint64(at + 8, true);
      if (tag === DT_NULL) break;
      if (tag === DT_NEEDED) names.push(value);
      if (tag === DT_STRTAB) strings = value;
    }
    if (names.length === 0) return [];
    const table = strings === undefined ? undefined : offsetOf(strings);
    if (table === undefined) throw broken("its table of names is not in the file");
    return names.map((offset) => text(table + Number(offset), "the name of a library"));
  }

  /** Where in the file lies what the program will have at an address. */
  function offsetOf(address: bigint): number | undefined {
    const segment = segments.find(
      ({ type, address: from, size }) => type === PT_LOAD && address >= from && address < from + BigInt(size),
    );
    return segment && segment.offset + Number(address - segment.address);
  }
}
