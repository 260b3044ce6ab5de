import { expect } from "vitest";
import { builtImage } from "../support/image.ts";
import {
  bios,
  describeMedia,
  diskOf,
  live,
  local,
  questions,
  startFromDisk,
  uefi,
  upFromIso,
} from "../support/media.ts";

describeMedia([
  {
    title: "a qcow2 disk at NVMe under UEFI",
    name: "nvme",
    start: (machine) => startFromDisk(machine, "qcow2", { bus: "nvme", firmware: "uefi" }),
    facts: { ...local("nvme0n1p3"), ...uefi },
    stateMiB: 2600,
  },
  {
    title: "a raw disk with sectors of 4096 bytes under UEFI",
    name: "4k",
    start: (machine) => startFromDisk(machine, "raw", { firmware: "uefi", sectorSize: 4096 }),
    facts: { ...local("vd[ab]3"), ...uefi, sectorSize: "4096" },
    stateMiB: 2600,
  },
  {
    title: "a qcow2 disk at SATA under BIOS",
    name: "sata",
    start: (machine) => startFromDisk(machine, "qcow2", { bus: "sata", firmware: "bios" }),
    facts: { ...local("sda3"), ...bios },
    stateMiB: 2600,
  },
  {
    // As a boot server hands kernel and root out.
    title: "a disk that holds only the state, with the root on another one",
    name: "foreign-root",
    start: async (machine) => {
      const boot = { kind: "image", dir: (await builtImage()).dir, append: "k3os.fallback_mode=live" } as const;
      await machine.start({ boot, config: questions, disks: [await diskOf(machine, "qcow2", {})] });
    },
    // On the disk the root would be a file.
    facts: {
      mode: "local",
      state: expect.stringMatching(/^\/dev\/vd[a-z]3 /),
      root: expect.stringMatching(/^\/dev\/vd[a-z]$/),
    },
    stateMiB: 2600,
  },
  {
    title: "the VMDK at VMware's SCSI controller, beside VMware's network card, under BIOS",
    name: "vmdk",
    start: (machine) => startFromDisk(machine, "vmdk", { bus: "pvscsi", firmware: "bios", nic: "vmxnet3" }),
    facts: { ...local("sda3"), ...bios },
    stateMiB: 15_500,
    hasOtherCard: true,
  },
  {
    title: "the OVA, with the hardware that its descriptor names, under UEFI",
    name: "ova",
    start: (machine) => startFromDisk(machine, "ova", { bus: "sata", firmware: "uefi", nic: "vmxnet3" }),
    facts: { ...local("sda3"), ...uefi },
    stateMiB: 15_500,
    hasOtherCard: true,
  },
  {
    title: "the ISO as a disc under BIOS",
    name: "disc",
    start: (machine) => upFromIso(machine, "--iso", "disc"),
    facts: { ...live("sr"), ...bios },
  },
]);
