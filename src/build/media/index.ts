import { K3osError } from "../../errors.ts";
import type { ArchitectureName } from "../../image/architecture.ts";
import type { Flavour, FlavourName } from "../../image/flavours.ts";
import type { MadeImage, Workshop } from "../workshop.ts";
import { type DiskOptions, rawDisk } from "./disk.ts";
import { isoMedium } from "./iso.ts";
import { netbootSet } from "./netboot.ts";
import { ociArchive } from "./oci.ts";
import { type VirtualDiskFormat, virtualDisk } from "./virtual-disk.ts";

export type DiskFormat = "raw" | VirtualDiskFormat;
export type Format = "image" | "dir" | "oci" | "iso" | "netboot" | DiskFormat;

/** An image in a form that a machine boots from. */
export interface MediumKind {
  /** What it is, for people. */
  readonly title: string;
  /** The flavour that it has unless `--flavour` or the spec names another one. */
  readonly flavour: FlavourName;
  /** Whether it is a disk: that has a place for a config and for kernel arguments, and a size of sectors. */
  readonly isDisk: boolean;
  /** The only architecture that there is hardware for. */
  readonly only?: ArchitectureName;
  /** Whether boards get it whose firmware is read from the disk: it has that, or goes onto a disk that has it. */
  readonly forBoards?: true;
  /** Makes it, and returns the directory with its files. Only disks look at the options. */
  make(shop: Workshop, made: MadeImage, options: DiskOptions): Promise<string>;
}

/**
 * What `./k3os build --format` makes. Whatever may get onto a real machine, or into VirtualBox, has the flavour for
 * that.
 */
export const MEDIA: { readonly [F in Format]: MediumKind } = {
  image: {
    ...{ title: "the kernel, the initrd and the root as files", flavour: "cloud", isDisk: false, forBoards: true },
    make: async (_, { image }) => image.dir,
  },
  dir: {
    ...{ title: "the same, for upgrades of any machine", flavour: "metal", isDisk: false, forBoards: true },
    make: async (_, { image }) => image.dir,
  },
  oci: {
    ...{
      title: "the same as a container image, for a registry and for jobs in a cluster",
      flavour: "metal",
      isDisk: false,
      forBoards: true,
    },
    make: ociArchive,
  },
  iso: {
    ...{ title: "a disc or a USB stick: BIOS, UEFI, Secure Boot", flavour: "metal", isDisk: false },
    make: isoMedium,
  },
  netboot: {
    ...{ title: "the image, initrd-netboot and boot.ipxe, for a boot server", flavour: "cloud", isDisk: false },
    make: netbootSet,
  },
  raw: {
    ...{ title: "a disk, to be written byte by byte", flavour: "metal", isDisk: true, forBoards: true },
    make: rawDisk,
  },
  qcow2: virtual("qcow2", "cloud", "a disk for QEMU, libvirt, Proxmox, OpenStack"),
  vmdk: virtual("vmdk", "metal", "a disk for VMware"),
  ova: { ...virtual("ova", "metal", "a whole machine for VMware and VirtualBox"), only: "amd64" },
  // Hyper-V and Azure have Microsoft's own devices, which the cloud kernel knows.
  vhd: virtual("vhd", "cloud", "a disk for Hyper-V and Azure"),
  vdi: virtual("vdi", "metal", "a disk for VirtualBox"),
};

export const FORMATS = Object.keys(MEDIA) as Format[];
export const DISK_FORMATS = FORMATS.filter((format) => MEDIA[format].isDisk) as DiskFormat[];

/** Throws `usage` if there is nothing that would boot the medium. */
export function refuseMedium(format: Format, architecture: ArchitectureName): void {
  const { only = architecture } = MEDIA[format];
  if (only === architecture) return;
  throw new K3osError("usage", `--format ${format} is for ${only}, not for ${architecture}.`, {
    hint: "A machine of one's own takes a disk: --format qcow2, vmdk or raw.",
  });
}

/** The same for a flavour: boards boot from cards, which have sectors of 512 bytes. */
export function refuseBoard(format: Format, { name, boot }: Pick<Flavour, "name" | "boot">, sectorSize = 512): void {
  if (boot === undefined || (MEDIA[format].forBoards && sectorSize === 512)) return;
  const what = MEDIA[format].forBoards ? `--sector-size ${sectorSize}` : `--format ${format}`;
  throw new K3osError("usage", `No machine of the flavour ${name} boots from ${what}.`, {
    hint: "Build a card: --format raw, without --sector-size.",
  });
}

function virtual(format: VirtualDiskFormat, flavour: FlavourName, title: string): MediumKind {
  return { title, flavour, isDisk: true, make: (shop, made, options) => virtualDisk(shop, made, format, options) };
}
