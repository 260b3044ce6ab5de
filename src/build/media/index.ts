import type { MadeImage, Workshop } from "../workshop.ts";
import { type DiskOptions, rawDisk } from "./disk.ts";
import { isoMedium } from "./iso.ts";
import { netbootSet } from "./netboot.ts";
import { type VirtualDiskFormat, virtualDisk } from "./virtual-disk.ts";

export type DiskFormat = "raw" | VirtualDiskFormat;
export type Format = "image" | "iso" | "netboot" | DiskFormat;

/** An image in a form that a machine boots from. */
export interface MediumKind {
  /** For people: what it is, and what it is for. */
  readonly title: string;
  /** Whether it is a disk: that has a place for a config and for kernel arguments, and a size of sectors. */
  readonly isDisk: boolean;
  /** Makes it, and returns the directory with its files. Only disks look at the options. */
  make(shop: Workshop, made: MadeImage, options: DiskOptions): Promise<string>;
}

export const MEDIA: { readonly [F in Format]: MediumKind } = {
  image: {
    title: "kernel, initrd and root as files",
    isDisk: false,
    make: async (_, { image }) => image.dir,
  },
  iso: { title: "a disc or a USB stick: BIOS, UEFI, Secure Boot", isDisk: false, make: isoMedium },
  netboot: { title: "the image and boot.ipxe, for a boot server", isDisk: false, make: netbootSet },
  raw: { title: "a disk, to be written byte by byte", isDisk: true, make: rawDisk },
  qcow2: disk("qcow2", "QEMU, libvirt, Proxmox, OpenStack"),
  vmdk: disk("vmdk", "VMware"),
  ova: disk("ova", "a whole machine for VMware and VirtualBox"),
  vhd: disk("vhd", "Hyper-V, Azure"),
  vdi: disk("vdi", "VirtualBox"),
};

export const FORMATS = Object.keys(MEDIA) as Format[];
export const DISK_FORMATS = FORMATS.filter((format) => MEDIA[format].isDisk) as DiskFormat[];

function disk(format: VirtualDiskFormat, title: string): MediumKind {
  return { title, isDisk: true, make: (shop, made, options) => virtualDisk(shop, made, format, options) };
}
