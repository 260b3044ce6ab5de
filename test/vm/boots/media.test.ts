import { describeMedia, live, local, secureBoot, startFromDisk, uefi, upFromIso } from "../support/media.ts";

describeMedia([
  {
    title: "a raw disk at virtio-scsi under Secure Boot",
    name: "secure",
    start: (machine) => startFromDisk(machine, "raw", { bus: "scsi", firmware: "secure-boot" }),
    facts: { ...local("sda3"), ...secureBoot },
    stateMiB: 2600,
  },
  {
    title: "the ISO as a disc under Secure Boot",
    name: "disc-secure",
    start: (machine) => upFromIso(machine, "--iso", "disc", "--secure-boot"),
    facts: { ...live("sr"), ...secureBoot },
  },
  {
    title: "the ISO as a USB stick under UEFI",
    name: "usb",
    start: (machine) => upFromIso(machine, "--iso", "usb", "--firmware", "uefi"),
    facts: { ...live("sd"), ...uefi },
  },
]);
