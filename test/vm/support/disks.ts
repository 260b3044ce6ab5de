import { closeSync, openSync, readSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { usualArchitecture } from "../../../src/build/host-architecture.ts";
import { type BuildOptions, buildDisk, buildIso, type DiskOptions } from "../../../src/build/index.ts";
import type { FlavourName } from "../../../src/image/flavours.ts";
import { type Boot, type Disk, type Firmware, usualFirmware } from "../../../src/vm/qemu.ts";
import { tool } from "./image.ts";
import type { Start } from "./machine.ts";

/** A new raw disk in `directory`, all zeros, that the guest knows by this serial number. */
export function emptyDisk(directory: string, serial: string, sizeMiB = 4096): Disk {
  const file = join(directory, `${serial}.raw`);
  writeFileSync(file, "");
  truncateSync(file, sizeMiB * 1024 ** 2);
  return { file, format: "raw", serial };
}

/** A disk in a file, and its format as QEMU names it. */
export interface DiskFile {
  readonly file: string;
  readonly format: "raw" | "qcow2" | "vmdk" | "vpc" | "vdi";
}

/**
 * A disk with the content of `base`. What is written goes to a file in `directory`. A size of 0 leaves that of the
 * base.
 */
export async function overlay(directory: string, base: DiskFile, sizeMiB = 0): Promise<Disk> {
  const file = join(directory, "overlay.qcow2");
  await tool("qemu-img", "create", "-q", "-f", "qcow2", "-F", base.format, "-b", base.file, file);
  if (sizeMiB > 0) await tool("qemu-img", "resize", "-q", file, `${sizeMiB}M`);
  return { file, format: "qcow2", bootIndex: 1 };
}

/** An `overlay` of the raw disk that is built so, of the smaller flavour. */
export async function rawDisk(
  directory: string,
  options: BuildOptions & DiskOptions = {},
  sizeMiB = 4096,
): Promise<Disk> {
  const { dir } = await buildDisk("raw", { ...options, usualFlavour: "cloud" });
  return overlay(directory, { file: join(dir, "k3os.raw"), format: "raw" }, sizeMiB);
}

export function fromDisk(firmware: Firmware = usualFirmware(usualArchitecture(process.env))): Boot {
  return { kind: "disk", firmware };
}

/**
 * A machine that the installer of the ISO starts on, as the medium's boot menu starts it, but without firmware and
 * menu. The flavour is the smaller one, unless what is tested needs the other.
 */
export async function installerMachine(
  disks: readonly Disk[],
  usualFlavour: FlavourName = "cloud",
): Promise<Pick<Start, "boot" | "disks">> {
  const { image, dir } = await buildIso({ usualFlavour });
  const append = "k3os.root=LABEL=K3OS:/k3os/system/current/root.squashfs k3os.mode=install";
  const iso = { file: join(dir, "k3os.iso"), format: "raw", serial: "iso", readOnly: true } as const;
  return { boot: { kind: "image", dir: image.dir, append }, disks: [iso, ...disks] };
}

/** Bytes of a raw disk. */
export function bytesOf({ file }: Disk, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const handle = openSync(file, "r");
  try {
    readSync(handle, bytes, 0, length, offset);
  } finally {
    closeSync(handle);
  }
  return bytes;
}

/** How many bytes were ever written to an `emptyDisk`. */
export function bytesWritten({ file }: Disk): number {
  return statSync(file).blocks * 512;
}
