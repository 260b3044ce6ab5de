import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import type { Tools } from "../build/tools.ts";
import { K3osError } from "../errors.ts";
import { runCommand } from "../process/run.ts";
import { commandFor } from "./name.ts";

/** The disk that a machine keeps from boot to boot. */
export interface OwnDisk {
  /** A raw disk whose content the new disk starts with; empty if not given. */
  readonly from?: string;
  /** The size of a new disk. An existing smaller disk is enlarged to it. */
  readonly sizeMiB?: number | undefined;
  readonly bus?: Bus;
  readonly sectorSize?: 512 | 4096;
}

/**
 * How the guest sees a disk: virtio-blk, virtio-scsi, VMware's SCSI, NVMe, AHCI (IDE on a `pc`), MegaRAID, a USB stick
 * at a controller of USB 3 or of USB 2.
 */
export type Bus = "virtio" | "scsi" | "pvscsi" | "nvme" | "sata" | "megasas" | "usb3" | "usb2";

const DEFAULT_DISK_MIB = 8192;

/**
 * Makes the disk of a machine, or enlarges it if it is too small. A half-made disk of an interrupted run is made anew.
 */
export async function ensureDisk(
  tools: Tools,
  file: string,
  { from, sizeMiB }: OwnDisk,
  machine: string,
  signal?: AbortSignal,
): Promise<void> {
  const img = async (...args: string[]) => {
    const { argv, env } = tools.command(["qemu-img", ...args]);
    return runCommand(argv, { env, ...(signal && { signal }) });
  };
  if (existsSync(file)) {
    if (sizeMiB === undefined) return;
    const info = JSON.parse(await img("info", "--output=json", file)) as { "virtual-size": number };
    const existing = info["virtual-size"] / 1024 ** 2;
    if (existing > sizeMiB) {
      throw new K3osError("usage", `The machine's disk has ${existing} MiB already; it cannot be made smaller.`, {
        hint: `Leave the size away, or begin anew: ${commandFor("down", machine, "--purge")}`,
      });
    }
    if (existing < sizeMiB) await img("resize", "-q", file, `${sizeMiB}M`);
    return;
  }
  const next = `${file}.new`;
  rmSync(next, { force: true });
  const size = Math.max(sizeMiB ?? DEFAULT_DISK_MIB, from === undefined ? 0 : statSync(from).size / 1024 ** 2);
  if (from === undefined) await img("create", "-q", "-f", "qcow2", next, `${size}M`);
  else {
    await img("convert", "-f", "raw", "-O", "qcow2", from, next);
    await img("resize", "-q", next, `${size}M`);
  }
  renameSync(next, file);
}
