/**
 * The names that udev gives disks in /dev/disk/by-id (60-persistent-storage.rules of systemd). This system has no udev,
 * so they are made of the same attributes. Pure.
 */

/** How a disk is attached. */
export type Transport = "virtio" | "nvme" | "ata" | "usb" | "scsi" | "mmc" | "other";

/** What a disk says of itself. Everything but the transport may be empty. */
export interface Identity {
  readonly transport: Transport;
  readonly vendor: string;
  readonly model: string;
  readonly serial: string;
  /** World wide name, such as `0x5000c500a1b2c3d4` or `eui.0025385b71b0c1d2`. */
  readonly wwn: string;
  /** Page 0x83 of a SCSI disk: how it is identified. */
  readonly page83: Uint8Array;
  /** Target and unit of a disk on USB, such as `0:0`. */
  readonly unit: string;
  /** The number of an NVMe namespace. */
  readonly namespace: string;
}

export function diskIds(identity: Identity): string[] {
  const { transport, wwn } = identity;
  const ids = IDS[transport](identity);
  return wwn.startsWith("0x") ? [...ids, `wwn-${wwn}`] : ids;
}

const IDS: Readonly<Record<Transport, (identity: Identity) => string[]>> = {
  virtio: ({ serial }) => (serial === "" ? [] : [`virtio-${word(serial)}`]),
  nvme: ({ model, serial, wwn, namespace }) => {
    const named = words(model, serial);
    const ofModel = serial === "" ? [] : [`nvme-${named}`, ...(namespace === "" ? [] : [`nvme-${named}_${namespace}`])];
    return [...ofModel, ...(wwn === "" ? [] : [`nvme-${wwn}`])];
  },
  ata: ({ model, serial }) => (serial === "" ? [] : [`ata-${words(model, serial)}`]),
  usb: ({ vendor, model, serial, unit }) => [`usb-${words(vendor, model, serial)}-${unit}`],
  scsi: (identity) => {
    const { vendor, model, serial } = identity;
    const ofSerial = serial === "" ? [] : [`S${words(vendor, model, serial)}`];
    const ids = [...ofPage83(identity), ...ofSerial];
    return [...new Set(ids)].map((id) => `scsi-${id}`);
  },
  mmc: ({ model, serial }) => (model === "" || serial === "" ? [] : [`mmc-${words(model, serial)}`]),
  other: () => [],
};

/** White space becomes one underscore, and each other character that udev has in no name, too. */
function word(text: string): string {
  return text
    .trim()
    .replace(/\s+/g, "_")
    .replace(/[^A-Za-z0-9#+\-.:=@_]/g, "_");
}

function words(...texts: readonly string[]): string {
  return texts
    .map(word)
    .filter((text) => text !== "")
    .join("_");
}

/** Kinds of identifiers in page 0x83 (SPC-4, 7.8.6.3), the best one first, as udev's scsi_id prefers them. */
const KINDS = [3, 2, 1, 0];

/** The identifier that scsi_id(8) takes: its kind, then hexadecimal digits or text. */
function ofPage83({ page83, vendor, model }: Identity): string[] {
  const found = identifiers(page83);
  const best = KINDS.map((kind) => found.find((one) => one.kind === kind)).find((one) => one !== undefined);
  if (best === undefined) return [];
  // What only the vendor tells apart needs his name.
  return [best.kind === 0 ? `0${words(vendor, model, best.id)}` : `${best.kind}${word(best.id)}`];
}

interface Identifier {
  readonly kind: number;
  readonly id: string;
}

/** The identifiers of the disk itself, not of its port or target. */
function identifiers(page: Uint8Array): Identifier[] {
  const found: Identifier[] = [];
  for (let at = 4; at + 4 <= page.length; ) {
    const [code = 0, type = 0, , length = 0] = page.subarray(at, at + 4);
    const bytes = page.subarray(at + 4, at + 4 + length);
    const isOfDisk = (type & 0x30) === 0;
    if (isOfDisk) found.push({ kind: type & 0xf, id: (code & 0xf) === 1 ? hex(bytes) : String.fromCharCode(...bytes) });
    at += 4 + length;
  }
  return found;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Model and serial number in what an ATA disk tells in full (page 0x89: IDENTIFY DEVICE from byte 60 on). SCSI's own
 * words have room for 16 letters of the model. `undefined` if the page has none.
 */
export function ataIdentity(page89: Uint8Array): { readonly model: string; readonly serial: string } | undefined {
  if (page89.length < 60 + 94) return undefined;
  const identify = page89.subarray(60);
  return { model: swapped(identify.subarray(54, 94)), serial: swapped(identify.subarray(20, 40)) };
}

/** Text of ATA: each pair of letters is the wrong way round. */
function swapped(bytes: Uint8Array): string {
  return String.fromCharCode(...[...bytes].map((_, index) => bytes[index ^ 1] ?? 0x20)).trim();
}

/** The text of a SCSI page of one text, such as the serial number (0x80; SPC-4, 7.8.20). */
export function pageText(page: Uint8Array): string {
  const length = ((page[2] ?? 0) << 8) | (page[3] ?? 0);
  return String.fromCharCode(...page.subarray(4, 4 + length))
    .replace(/[^\x21-\x7e]+/g, " ")
    .trim();
}
