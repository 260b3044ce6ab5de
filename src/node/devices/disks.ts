import { type Host, HostError } from "../../host/host.ts";
import { formatBytes } from "../format-bytes.ts";
import { ataIdentity, diskIds, type Identity, pageText, type Transport } from "./names.ts";
import { type Place, pathId, withoutTarget } from "./path-id.ts";
import { attribute, placesOf } from "./places.ts";

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
  readonly transport: Transport;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly partitions: readonly DiskPartition[];
  /** Its names in /dev/disk/by-id, and by-path. */
  readonly ids: readonly string[];
  readonly pathIds: readonly string[];
}

export interface DiskPartition {
  readonly name: string;
  readonly path: string;
  readonly number: number;
  /** Bytes. */
  readonly size: number;
}

/**
 * Devices that have no writable medium, or are built on top of other devices. `nvme0c0n1` is what leads to a disk that
 * several controllers may reach: `nvme0n1`, the only one in /dev.
 */
const NO_DISKS = /^(loop|ram|zram|dm-|md|sr|fd|nbd|rbd|drbd|mtdblock)|^mmcblk\d+(boot\d+|rpmb)$|^nvme\d+c/;
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
  const places = placesOf(host, at);
  const vendor = text("device/vendor");
  const transport = transportOf(name, vendor, places);
  const ata = transport === "ata" ? ataIdentity(page(host, `${at}/device/vpd_pg89`)) : undefined;
  const identity: Identity = {
    transport,
    vendor,
    model: ata?.model ?? text("device/model", "device/name"),
    serial:
      (transport === "usb" ? usbSerial(host, at) : (ata?.serial ?? text("serial", "device/serial"))) ||
      pageText(page(host, `${at}/device/vpd_pg80`)),
    wwn: worldWideName(text("wwid", "device/wwid")),
    page83: page(host, `${at}/device/vpd_pg83`),
    unit: /^\d+:\d+:(\d+:\d+)$/.exec(places.find(({ subsystem }) => subsystem === "scsi")?.name ?? "")?.[1] ?? "0:0",
    namespace: text("nsid") || (/^nvme\d+n(\d+)$/.exec(name)?.[1] ?? ""),
  };
  const { model, serial, wwn } = identity;
  return {
    name,
    path: `/dev/${name}`,
    size: Number(text("size")) * SECTOR,
    // The kernel reports "ATA" instead of a vendor for SATA disks, and a number for virtio disks.
    model: transport === "scsi" || transport === "usb" ? `${vendor} ${model}`.trim() : model,
    ...{ serial, wwn, transport },
    readOnly: text("ro") === "1",
    removable: text("removable") === "1",
    partitions: readPartitions(host, name),
    ids: diskIds(identity),
    pathIds: pathIds(transport, pathId(places)),
  };
}

/** A disk has further names that older versions of udev gave it. */
function pathIds(transport: Transport, id: string | undefined): string[] {
  if (id === undefined) return [];
  const ofOld = transport === "virtio" && id.startsWith("pci-") ? `virtio-${id}` : withoutTarget(id);
  return ofOld === undefined ? [id] : [id, ofOld];
}

function readPartitions(host: Host, disk: string): DiskPartition[] {
  return host
    .list(`/sys/block/${disk}`)
    .filter((name) => name.startsWith(disk) && host.stat(`/sys/block/${disk}/${name}/partition`) !== undefined)
    .map((name) => ({
      name,
      path: `/dev/${name}`,
      number: Number(host.readText(`/sys/block/${disk}/${name}/partition`)),
      size: Number(host.readText(`/sys/block/${disk}/${name}/size`)) * SECTOR,
    }))
    .sort((a, b) => a.number - b.number);
}

function transportOf(name: string, vendor: string, places: readonly Place[]): Transport {
  if (name.startsWith("vd")) return "virtio";
  if (name.startsWith("nvme")) return "nvme";
  if (name.startsWith("mmcblk")) return "mmc";
  if (places.some(({ subsystem }) => subsystem === "usb")) return "usb";
  if (vendor === "ATA" || places.some((place) => /^ata\d+$/.test(place.name))) return "ata";
  return name.startsWith("sd") ? "scsi" : "other";
}

/** The serial number of the USB device that the disk is in: that of the disk behind it is often not to be had. */
function usbSerial(host: Host, at: string): string {
  const place = host.readLink(at).split("/devices/")[1] ?? "";
  const device = /^.*\/\d+-[\d.]+(?=\/)/.exec(place)?.[0];
  const serial = attribute(host, `/sys/devices/${device}/serial`);
  // As udev: what has other characters is no serial number.
  return /^[\x20-\x7e]*$/.test(serial) && !serial.includes(",") ? serial : "";
}

/** A page of what a SCSI disk tells of itself; empty if it does not, though the kernel may have a file for it. */
function page(host: Host, path: string): Uint8Array {
  try {
    return host.stat(path) === undefined ? new Uint8Array() : host.read(path);
  } catch (error) {
    if (error instanceof HostError) return new Uint8Array();
    throw error;
  }
}

/** The kernel writes `naa.` where udev writes `0x`. */
function worldWideName(wwid: string): string {
  return wwid.startsWith("naa.") ? `0x${wwid.slice(4)}` : /^(eui|uuid|nvme)\./.test(wwid) ? wwid : "";
}

/** Describes a disk to people: `20 GB QEMU HARDDISK (ata, serial QM00001)`. */
export function describeDisk({ size, model, serial, transport }: Disk): string {
  const facts = [transport, ...(serial === "" ? [] : [`serial ${serial}`])].join(", ");
  return [formatBytes(size), model, `(${facts})`].filter((part) => part !== "").join(" ");
}
