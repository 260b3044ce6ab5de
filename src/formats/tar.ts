import { K3osError } from "../errors.ts";
import { concat, text } from "./bytes.ts";

export interface TarEntry {
  /** Relative, without a leading `./`. A directory's may end in a slash. */
  readonly path: string;
  readonly type?: "file" | "directory" | "link";
  readonly data?: Uint8Array;
  /** What a link points to. */
  readonly target?: string;
  /** 0644 for a file, 0755 for a directory, if not given. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const blockSize = 512;
const defaultModes = { file: 0o644, directory: 0o755, link: 0o777 } as const;
const typeFlags = { file: "0", directory: "5", link: "2" } as const;

/**
 * A tar archive, in the given order. All entries carry the time `mtime` (seconds since 1970): equal input gives equal
 * bytes. A name that ustar cannot hold gets a pax header.
 */
export function tar(entries: readonly TarEntry[], mtime = 0): Uint8Array {
  const parts = entries.flatMap((entry) => entryParts(entry, mtime));
  return concat([...parts, new Uint8Array(2 * blockSize)]);
}

/**
 * What surrounds the content of a file in an archive, for content that is too large for memory: what comes before it,
 * and what fills it up behind. The path has at most 100 bytes.
 */
export function tarFrame(
  path: string,
  size: number,
  mtime = 0,
): { readonly before: Uint8Array; readonly after: Uint8Array } {
  const name = { name: text(path), prefix: text("") };
  const fields = { name, type: typeFlags.file, mode: defaultModes.file, size, mtime, uid: 0, gid: 0, target: "" };
  return { before: header(fields), after: new Uint8Array((blockSize - (size % blockSize)) % blockSize) };
}

/** What an archive ends with. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * blockSize);
}

/** The content of the first file in an archive. Throws `integrity`, naming the archive `name`, if there is none. */
export function firstFile(archive: Uint8Array, name: string): Uint8Array {
  for (let at = 0; at + blockSize <= archive.length; ) {
    const field = (from: number, to: number) =>
      String.fromCharCode(...archive.subarray(at + from, at + to)).replace(/\0.*$/s, "");
    const size = Number.parseInt(field(124, 136).trim(), 8);
    if (Number.isNaN(size) || at + blockSize + size > archive.length) break;
    // Archives of before POSIX have a zero there.
    if ([typeFlags.file, ""].includes(field(156, 157)) && field(0, 100) !== "") {
      return archive.subarray(at + blockSize, at + blockSize + size);
    }
    at += blockSize + Math.ceil(size / blockSize) * blockSize;
  }
  throw new K3osError("integrity", `${name} is no archive with a file.`);
}

function entryParts(entry: TarEntry, mtime: number): Uint8Array[] {
  const { type = "file", data = new Uint8Array(), target = "" } = entry;
  const path = type === "directory" ? `${entry.path.replace(/\/+$/, "")}/` : entry.path;
  const content = type === "file" ? data : new Uint8Array();
  const split = splitPath(path);
  const pax = [
    ...(split ? [] : [paxRecord("path", path)]),
    ...(text(target).length > 100 ? [paxRecord("linkpath", target)] : []),
  ];
  const parts: Uint8Array[] = [];
  if (pax.length > 0) {
    const records = concat(pax);
    const name = { name: text("pax"), prefix: text("") };
    parts.push(header({ name, type: "x", mode: 0o644, size: records.length, mtime, uid: 0, gid: 0, target: "" }));
    parts.push(...padded(records));
  }
  const name = split ?? { name: text(path).slice(0, 100), prefix: text("") };
  const mode = entry.mode ?? defaultModes[type];
  const { uid = 0, gid = 0 } = entry;
  parts.push(header({ name, type: typeFlags[type], mode, size: content.length, mtime, uid, gid, target }));
  parts.push(...padded(content));
  return parts;
}

interface Name {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
}

/** A path as ustar holds it: up to 100 bytes, and up to 155 before a slash. */
function splitPath(path: string): Name | undefined {
  if (text(path).length <= 100) return { name: text(path), prefix: text("") };
  for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [text(path.slice(0, slash)), text(path.slice(slash + 1))];
    if (prefix.length <= 155 && name.length <= 100 && name.length > 0) return { name, prefix };
  }
  return undefined;
}

function header(fields: {
  name: Name;
  type: string;
  mode: number;
  size: number;
  mtime: number;
  uid: number;
  gid: number;
  target: string;
}): Uint8Array {
  const block = new Uint8Array(blockSize);
  const put = (offset: number, value: Uint8Array) => block.set(value, offset);
  const octal = (offset: number, width: number, value: number) =>
    put(offset, text(`${value.toString(8).padStart(width - 1, "0")}\0`));
  put(0, fields.name.name);
  octal(100, 8, fields.mode);
  octal(108, 8, fields.uid);
  octal(116, 8, fields.gid);
  octal(124, 12, fields.size);
  octal(136, 12, fields.mtime);
  put(148, text("        "));
  put(156, text(fields.type));
  put(157, text(fields.target).slice(0, 100));
  put(257, text("ustar\x0000"));
  put(345, fields.name.prefix);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, text(`${sum.toString(8).padStart(6, "0")}\0 `));
  return block;
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Uint8Array {
  const body = text(` ${key}=${value}\n`);
  let length = body.length + 1;
  while (`${length}`.length + body.length !== length) length = `${length}`.length + body.length;
  return concat([text(`${length}`), body]);
}

function padded(data: Uint8Array): Uint8Array[] {
  if (data.length === 0) return [];
  return [data, new Uint8Array((blockSize - (data.length % blockSize)) % blockSize)];
}
