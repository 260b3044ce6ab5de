/**
 * A small ISO 9660 volume: files in one directory, as NoCloud's `cidata` needs it. Names get lower case on Linux, which
 * maps them so. The bytes depend on nothing but the arguments.
 */

const sector = 2048;
const firstFile = 21;

export function iso9660(label: string, files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  if (!/^[A-Za-z0-9_]{1,32}$/.test(label)) throw new RangeError(`no volume label: ${label}`);
  const entries = place(files);
  const last = entries.at(-1);
  const sectors = last === undefined ? firstFile : last.at + sectorsOf(last.data);
  const volume = new Uint8Array(sectors * sector);
  volume.set(primaryDescriptor(label, sectors), 16 * sector);
  volume.set(terminator, 17 * sector);
  volume.set(pathTable(true), 18 * sector);
  volume.set(pathTable(false), 19 * sector);
  volume.set(directory(entries), 20 * sector);
  for (const { at, data } of entries) volume.set(data, at * sector);
  return volume;
}

interface Entry {
  readonly name: string;
  readonly data: Uint8Array;
  /** Its first sector. */
  readonly at: number;
}

function place(files: Readonly<Record<string, string | Uint8Array>>): Entry[] {
  let at = firstFile;
  return Object.entries(files)
    .map(([name, content]) => ({
      name: fileName(name),
      data: typeof content === "string" ? new TextEncoder().encode(content) : content,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, data }) => {
      const entry = { name, data, at };
      at += sectorsOf(data);
      return entry;
    });
}

function sectorsOf(data: Uint8Array): number {
  return Math.ceil(data.length / sector);
}

function fileName(name: string): string {
  if (!/^[a-z0-9_-]{1,24}(\.[a-z0-9]{1,3})?$/.test(name)) throw new RangeError(`no file name for this volume: ${name}`);
  return `${name.toUpperCase()}${name.includes(".") ? "" : "."};1`;
}

function primaryDescriptor(label: string, sectors: number): Uint8Array {
  const bytes = new Uint8Array(sector);
  bytes.fill(0x20, 8, 72).fill(0x20, 190, 813); // text fields are padded with spaces
  bytes.set([1, ...ascii("CD001"), 1]);
  bytes.set(ascii(label), 40);
  bytes.set(both32(sectors), 80);
  bytes.set(both16(1), 120); // volumes in the set
  bytes.set(both16(1), 124); // number of this one
  bytes.set(both16(sector), 128);
  bytes.set(both32(10), 132); // bytes in a path table
  const view = new DataView(bytes.buffer);
  view.setUint32(140, 18, true);
  view.setUint32(148, 19, false);
  bytes.set(record("\0", 20, sector, true), 156);
  for (const at of [813, 830, 847, 864]) bytes.fill(0x30, at, at + 16); // dates: "not specified"
  bytes[881] = 1;
  return bytes;
}

const terminator = Uint8Array.from([255, ...ascii("CD001"), 1]);

/** The root directory is the only entry. */
function pathTable(littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint32(2, 20, littleEndian);
  view.setUint16(6, 1, littleEndian);
  return bytes;
}

function directory(entries: readonly Entry[]): Uint8Array {
  const records = [
    record("\0", 20, sector, true),
    record("\x01", 20, sector, true),
    ...entries.map((entry) => record(entry.name, entry.at, entry.data.length, false)),
  ];
  const length = records.reduce((sum, one) => sum + one.length, 0);
  if (length > sector) throw new RangeError("too many files for one directory sector");
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const one of records) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

function record(name: string, at: number, size: number, isDirectory: boolean): Uint8Array {
  const length = 33 + name.length + ((name.length + 1) % 2); // records have an even length
  const bytes = new Uint8Array(length);
  bytes[0] = length;
  bytes.set(both32(at), 2);
  bytes.set(both32(size), 10);
  bytes.set([70, 1, 1, 0, 0, 0, 0], 18); // 1970-01-01
  bytes[25] = isDirectory ? 2 : 0;
  bytes.set(both16(1), 28);
  bytes[32] = name.length;
  bytes.set(ascii(name), 33);
  return bytes;
}

/** Numbers are stored twice, little end and big end first. */
function both32(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, value, true);
  view.setUint32(4, value, false);
  return new Uint8Array(view.buffer);
}

function both16(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, value, true);
  view.setUint16(2, value, false);
  return new Uint8Array(view.buffer);
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
