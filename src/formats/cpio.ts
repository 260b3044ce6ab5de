import { concat, text } from "./bytes.ts";

export interface CpioEntry {
  /** Relative to the root of the archive, without a leading slash. */
  readonly path: string;
  readonly type?: "file" | "directory" | "link" | "character";
  readonly data?: Uint8Array;
  /** What a link points to. */
  readonly target?: string;
  /** Permission bits: 0644 for a file, 0755 for a directory, if not given. */
  readonly mode?: number;
  /** Major and minor number of a character device. */
  readonly device?: readonly [number, number];
}

const typeBits = { file: 0o100000, directory: 0o040000, link: 0o120000, character: 0o020000 } as const;
const defaultModes = { file: 0o644, directory: 0o755, link: 0o777, character: 0o600 } as const;

/**
 * A cpio archive in the "newc" format, which Linux unpacks as its initial root. Directories must come before what is in
 * them. Everything belongs to root and carries the time `mtime` (seconds since 1970): equal input gives equal bytes.
 */
export function cpio(entries: readonly CpioEntry[], mtime = 0): Uint8Array {
  const parts = entries.flatMap((entry, index) => record(entry, index + 1, mtime));
  const archive = concat([...parts, ...record({ path: "TRAILER!!!", mode: 0 }, 0, 0, true)]);
  return concat([archive, new Uint8Array(-archive.length & 511)]);
}

function record(entry: CpioEntry, inode: number, mtime: number, trailer = false): Uint8Array[] {
  const kind = entry.type ?? "file";
  const data =
    kind === "link" ? text(entry.target ?? "") : kind === "file" ? (entry.data ?? new Uint8Array()) : text("");
  const name = text(`${entry.path}\0`);
  const mode = trailer ? 0 : typeBits[kind] | (entry.mode ?? defaultModes[kind]);
  const [major, minor] = entry.device ?? [0, 0];
  const links = kind === "directory" ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, mtime, data.length, 0, 0, major, minor, name.length, 0];
  const header = text(`070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, "0")).join("")}`);
  return [header, name, pad(header.length + name.length), data, pad(data.length)];
}

const pad = (length: number) => new Uint8Array(-length & 3);
