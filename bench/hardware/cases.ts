/** Machines as close to real ones as QEMU's devices are. */
import type { Bus } from "../../src/vm/disk.ts";
import type { Firmware } from "../../src/vm/qemu.ts";

export interface Case {
  readonly title: string;
  readonly firmware: Firmware;
  readonly board?: "pc";
  /** What the disk with k3OS is at. */
  readonly bus: Bus;
  /** QEMU's model of the only network card. */
  readonly card: string;
  /** The drivers that must be at work: of the disk's controller, and of the card. */
  readonly drivers: { readonly disk: string; readonly card: string };
}

/** All of them, by the names that the command line knows. */
export const CASES = {
  nvme: {
    ...{ title: "NVMe, Intel 82574L (e1000e)", firmware: "uefi", bus: "nvme", card: "e1000e" },
    drivers: { disk: "nvme", card: "e1000e" },
  },
  ahci: {
    ...{ title: "AHCI, Intel 82576 (igb)", firmware: "bios", bus: "sata", card: "igb" },
    drivers: { disk: "ahci", card: "igb" },
  },
  megasas: {
    ...{ title: "MegaRAID SAS, Realtek 8139", firmware: "bios", bus: "megasas", card: "rtl8139" },
    drivers: { disk: "megaraid_sas", card: "8139cp" },
  },
  vmware: {
    ...{ title: "VMware's PVSCSI and VMXNET3", firmware: "bios", bus: "pvscsi", card: "vmxnet3" },
    drivers: { disk: "vmw_pvscsi", card: "vmxnet3" },
  },
  usb3: {
    ...{ title: "USB stick at xHCI, Intel 82551 (e100, with firmware)", firmware: "uefi", bus: "usb3", card: "i82551" },
    drivers: { disk: "usb-storage", card: "e100" },
  },
  usb2: {
    ...{ title: "USB stick at EHCI, network card at USB", firmware: "bios", bus: "usb2", card: "usb-net" },
    drivers: { disk: "usb-storage", card: "cdc_ether" },
  },
  pc: {
    ...{ title: "board of 1996 (i440FX), IDE, Intel 82540EM (e1000)", firmware: "bios", board: "pc", bus: "sata" },
    ...{ card: "e1000", drivers: { disk: "ata_piix", card: "e1000" } },
  },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;
