import { type Host, HostError } from "../../host/host.ts";
import { formatBytes } from "../format-bytes.ts";

/** A disk as the kernel describes it in /sys/block (Documentation/ABI/testing/sysfs-block). */
export interface Disk {
  /** `vda`, `nvme0n1`. */
  readonly name: string;
  /** `/dev/vda`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly model: string;
  readonly serial: string;
  /** World wide name, such as `0x5000c500a1b2c3d4` or `eui.0025385b71b0c1d2`; empty if it has none. */
  readonly wwn: string;
  /** How it is attached. */
  readonly transport: "virtio" | "nvme" | "ata" | "usb" | "scsi" | "mmc" | "other";
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly partitions: readonly DiskPartition[];
}

export interface DiskPartition {
  readonly name: string;
  readonly path: string;
  readonly number: number;
  /** Bytes. */
  readonly size: number;
}

/** Devices that have no writable medium, or are built on top of other devices. */
const NO_DISKS = /^(loop|ram|zram|dm-|md|sr|fd|nbd|rbd|drbd|mtdblock)|^mmcblk\d+(boot\d+|rpmb)$/;
const SECTOR = 512;

/** All disks of the machine, in the order of their names. */
export function readDisks(host: Host): Disk[] {
  return host
    .list("/sys/block")
    .filter((name) => !NO_DISKS.test(name))
    .map((name) => readDisk(host, name))
    .filter(({ size }) => size > 0);
}

function readDisk(host: Host, name: string): Disk {
  const at = `/sys/block/${name}`;
  const text = (...files: string[]) =>
    files.map((file) => attribute(host, `${at}/${file}`)).find((one) => one !== "") ?? "";
  const vendor = text("device/vendor");
  const transport = transportOf(host, name, vendor);
  const model = text("device/model", "device/name");
  return {
    name,
    path: `/dev/${name}`,
    size: Number(text("size")) * SECTOR,
    // The kernel reports "ATA" instead of a vendor for SATA disks, and a number for virtio disks.
    model: transport === "scsi" || transport === "usb" ? `${vendor} ${model}`.trim() : model,
    serial: text("serial", "device/serial") || pageSerial(host, `${at}/device/vpd_pg80`),
    wwn: worldWideName(text("wwid", "device/wwid")),
    transport,
    readOnly: text("ro") === "1",
    removable: text("removable") === "1",
    partitions: readPartitions(host, name),
  };
}

function readPartitions(host: Host, disk: string): DiskPartition[] {
  return host
    .list(`/sys/block/${disk}`)
    .filter((name) => name.startsWith(disk) && host.stat(`/sys/block/${disk}/${name}/partition`) !== undefined)
    .map((name) => ({
      name,
      path: `/dev/${name}`,
      number: Number(attribute(host, `/sys/block/${disk}/${name}/partition`)),
      size: Number(attribute(host, `/sys/block/${disk}/${name}/size`)) * SECTOR,
    }))
    .sort((a, b) => a.number - b.number);
}

function transportOf(host: Host, name: string, vendor: string): Disk["transport"] {
  if (name.startsWith("vd")) return "virtio";
  if (name.startsWith("nvme")) return "nvme";
  if (name.startsWith("mmcblk")) return "mmc";
  const place = host.stat(`/sys/block/${name}`)?.type === "link" ? host.readLink(`/sys/block/${name}`) : "";
  if (/\/usb\d+\//.test(place)) return "usb";
  if (vendor === "ATA" || /\/ata\d+\//.test(place)) return "ata";
  return name.startsWith("sd") ? "scsi" : "other";
}

/**
 * The serial number in a SCSI disk's unit serial number page. The header has four bytes; the last two are the length
 * (SPC-4, 7.8.20).
 */
function pageSerial(host: Host, path: string): string {
  if (host.stat(path) === undefined) return "";
  const page = host.read(path);
  const length = ((page[2] ?? 0) << 8) | (page[3] ?? 0);
  return String.fromCharCode(...page.subarray(4, 4 + length))
    .replace(/[^\x21-\x7e]+/g, " ")
    .trim();
}

/** The kernel writes `naa.` where udev writes `0x`. */
function worldWideName(wwid: string): string {
  return wwid.startsWith("naa.") ? `0x${wwid.slice(4)}` : /^(eui|uuid|nvme)\./.test(wwid) ? wwid : "";
}

/** A disk need not answer what the kernel has a file for: reading the `wwid` of most USB sticks fails (ENXIO). */
function attribute(host: Host, path: string): string {
  if (host.stat(path)?.type !== "file") return "";
  try {
    return host
      .readText(path)
      .replace(/[\0\n]+$/, "")
      .trim();
  } catch (error) {
    if (error instanceof HostError) return "";
    throw error;
  }
}

/**
 * The names that udev would give the disk in /dev/disk/by-id (its rules 60-persistent-storage). This system has no
 * udev, so they are computed from the same attributes.
 */
export function byIdNames({ transport, model, serial, wwn, name }: Disk): string[] {
  const word = (text: string) => text.trim().replace(/[^A-Za-z0-9#+\-.:=@_]+/g, "_");
  const named = [word(model), word(serial)].filter((part) => part !== "").join("_");
  const names = {
    virtio: serial === "" ? [] : [`virtio-${word(serial)}`],
    nvme: [
      ...(serial === "" ? [] : [`nvme-${named}`, `nvme-${named}_${name.replace(/^nvme\d+n/, "")}`]),
      ...(wwn === "" ? [] : [`nvme-${wwn}`]),
    ],
    ata: serial === "" ? [] : [`ata-${named}`],
    usb: serial === "" ? [] : [`usb-${named}-0:0`, `usb-${named}`],
    scsi: serial === "" ? [] : [`scsi-S${named}`, `scsi-0${named}`],
    mmc: serial === "" ? [] : [`mmc-${named.replace(/_0x/, "_0x")}`],
    other: [],
  }[transport];
  return wwn.startsWith("0x") ? [...names, `wwn-${wwn}`, `scsi-3${wwn.slice(2)}`] : names;
}

/** Describes a disk to people: `20 GB QEMU HARDDISK (ata, serial QM00001)`. */
export function describeDisk({ size, model, serial, transport }: Disk): string {
  const facts = [transport, ...(serial === "" ? [] : [`serial ${serial}`])].join(", ");
  return [formatBytes(size), model, `(${facts})`].filter((part) => part !== "").join(" ");
}
