import { describe, expect, it } from "vitest";
import type { Bus } from "./disk.ts";
import { type Boot, type Disk, type Firmware, kernelArguments, type QemuOptions, qemuArguments } from "./qemu.ts";

const base: QemuOptions = {
  name: "a",
  architecture: "amd64",
  accel: "tcg",
  memoryMiB: 1024,
  cpus: 2,
  boot: { kind: "image", dir: "/img" },
  qmpSocket: "qmp.sock",
  serialSocket: "serial.sock",
  serialLog: "serial.log",
};

function argumentsOf(change: Partial<QemuOptions>): string {
  return qemuArguments({ ...base, ...change }).join(" ");
}

describe("qemuArguments", () => {
  it("boots an image directly, its root a read-only disk that is found by its serial", () => {
    expect(qemuArguments(base)).toMatchInlineSnapshot(`
      [
        "qemu-system-x86_64",
        "-name",
        "a,process=k3os-a",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-vga",
        "none",
        "-machine",
        "q35",
        "-accel",
        "tcg,thread=multi,tb-size=1024",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        "1024",
        "-qmp",
        "unix:qmp.sock,server=on,wait=off",
        "-chardev",
        "socket,id=serial,path=serial.sock,server=on,wait=off,logfile=serial.log,logappend=on",
        "-serial",
        "chardev:serial",
        "-device",
        "virtio-rng-pci",
        "-netdev",
        "user,id=net",
        "-device",
        "virtio-net-pci,netdev=net",
        "-kernel",
        "/img/vmlinuz",
        "-initrd",
        "/img/initrd",
        "-append",
        "k3os.root=SERIAL=k3os-root console=ttyS0 quiet no_timer_check",
        "-drive",
        "if=none,id=root,format=raw,readonly=on,file=/img/root.squashfs",
        "-device",
        "virtio-blk-pci,drive=root,serial=k3os-root",
      ]
    `);
  });

  const cases: readonly (readonly [what: string, change: Partial<QemuOptions>, wanted: string])[] = [
    ["hardware virtualisation", { accel: "kvm" }, "-accel kvm -cpu host"],
    [
      "ports lead to the guest from this host only",
      { forwards: [{ host: 2222, guest: 22 }] },
      "user,id=net,hostfwd=tcp:127.0.0.1:2222-:22",
    ],
    [
      "several cards: the first has the ports, others their own network, or a wire between each other",
      {
        forwards: [{ host: 2222, guest: 22 }],
        nics: [{}, { mac: "52:54:00:00:00:02", network: "10.1.0.0/24", isolated: true }, { hub: 1, model: "vmxnet3" }],
      },
      "-netdev user,id=net,hostfwd=tcp:127.0.0.1:2222-:22 -device virtio-net-pci,netdev=net " +
        "-netdev user,id=net1,net=10.1.0.0/24,restrict=on -device virtio-net-pci,netdev=net1,mac=52:54:00:00:00:02 " +
        "-netdev hubport,id=net2,hubid=1 -device vmxnet3,netdev=net2",
    ],
    [
      "a service at an address of its network",
      { nics: [{ services: [{ address: "10.0.2.100", port: 80, command: ["nc", "127.0.0.1", "8080"] }] }] },
      "user,id=net,guestfwd=tcp:10.0.2.100:80-cmd:nc 127.0.0.1 8080",
    ],
    ["a clock that is wrong", { clock: "1970-01-01T00:00:00" }, "-rtc base=1970-01-01T00:00:00"],
    ["a watchdog in hardware", { watchdog: true }, "-device i6300esb"],
    ["another board", { board: "pc" }, "-machine pc -accel"],
    [
      "a card at USB",
      { nics: [{ model: "usb-net" }] },
      "-device qemu-xhci,id=net-usb -device usb-net,netdev=net,bus=net-usb.0",
    ],
    [
      "a disk at a RAID controller",
      { disks: [own("megasas")] },
      "-device megasas-gen2,id=disk0-bus -device scsi-hd,bus=disk0-bus.0",
    ],
    ["a NoCloud volume", { seed: "/m/cidata.iso" }, "if=none,id=seed,format=raw,readonly=on,file=/m/cidata.iso"],
    ["commas in paths", { seed: "/a,b" }, "file=/a,,b"],
    [
      "further disks",
      { disks: [{ file: "d.qcow2", format: "qcow2", serial: "data" }] },
      "virtio-blk-pci,drive=disk0,serial=data",
    ],
    [
      "kernel arguments of one's own",
      { boot: { kind: "image", dir: "/img", append: "k3os.debug" } },
      "no_timer_check k3os.debug",
    ],
    ["a disc", { boot: iso("disc", "bios") }, "media=cdrom -device ide-cd,drive=medium,bootindex=0"],
    [
      "the network, by what its DHCP server names",
      { boot: { kind: "network", url: "http://10.0.2.2/a,b.ipxe", firmware: "bios" } },
      "user,id=net,bootfile=http://10.0.2.2/a,,b.ipxe -device virtio-net-pci,netdev=net,bootindex=0",
    ],
    ["a USB stick", { boot: iso("usb", "bios") }, "-device qemu-xhci -device usb-storage,drive=medium"],
    [
      "UEFI",
      { boot: iso("disc", "uefi"), uefi: { code: "/C.fd", vars: "/V.fd" } },
      "if=pflash,format=raw,readonly=on,file=/C.fd",
    ],
    [
      "Secure Boot, whose variables only the firmware writes",
      { boot: { kind: "disk", firmware: "secure-boot" }, uefi: { code: "/C.fd", vars: "/V.fd" } },
      "-global driver=cfi.pflash01,property=secure,value=on",
    ],
    ["Secure Boot needs SMM", { boot: iso("disc", "secure-boot"), uefi: { code: "/C", vars: "/V" } }, "q35,smm=on"],
    ["a SCSI disk", { disks: [own("scsi")] }, "-device virtio-scsi-pci,id=disk0-bus -device scsi-hd,bus=disk0-bus.0"],
    [
      "a SCSI disk as VMware has it",
      { disks: [own("pvscsi")] },
      "-device pvscsi,id=disk0-bus -device scsi-hd,bus=disk0",
    ],
    ["an NVMe disk, with the serial that it must have", { disks: [own("nvme")] }, "nvme,drive=disk0,serial=disk0"],
    ["a SATA disk", { disks: [own("sata")] }, "ide-hd,drive=disk0,bootindex=1"],
    [
      "sectors of 4096 bytes",
      { disks: [{ ...own("virtio"), sectorSize: 4096 }] },
      "logical_block_size=4096,physical_block_size=4096",
    ],
    [
      "a disk whose writes are recorded",
      { disks: [{ file: "d.raw", format: "raw", writeLog: "/l,1" }] },
      "driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename=d.raw,log.driver=file,log.filename=/l,,1",
    ],
    [
      "writes that are thrown away",
      { disks: [{ ...own("virtio"), snapshot: true }] },
      "format=qcow2,snapshot=on,file=",
    ],
  ];
  it.each(cases)("%s", (_, change, wanted) => {
    expect(argumentsOf(change)).toContain(wanted);
  });

  it("hands no kernel over when a medium boots", () => {
    expect(argumentsOf({ boot: iso("disc", "bios") })).not.toContain("-kernel");
  });
});

describe("an arm64 machine", () => {
  const arm64 = (change: Partial<QemuOptions> = {}) =>
    argumentsOf({ architecture: "arm64", uefi: { code: "/C.fd", vars: "/V.fd" }, ...change });

  it("is QEMU's own board for such processors, with a serial port of its own", () => {
    expect(arm64()).toContain("qemu-system-aarch64 ");
    expect(arm64()).toContain("-machine virt,gic-version=max -accel tcg,thread=multi,tb-size=1024 -cpu neoverse-n1 ");
    expect(arm64()).toContain("-append k3os.root=SERIAL=k3os-root console=ttyAMA0 quiet -drive");
    expect(arm64({ accel: "kvm" })).toContain("-accel kvm -cpu host");
  });

  it("boots an image by UEFI, too", () => {
    expect(arm64()).toContain("if=pflash,format=raw,file=/V.fd -kernel /img/vmlinuz -initrd /img/initrd");
  });

  it("has no IDE and no SATA by itself", () => {
    expect(arm64({ boot: iso("disc", "uefi") })).toContain(
      "media=cdrom -device virtio-scsi-pci,id=medium-bus -device scsi-cd,bus=medium-bus.0,drive=medium,bootindex=0",
    );
    expect(arm64({ disks: [own("sata")] })).toContain("-device ahci,id=disk0-bus -device ide-hd,bus=disk0-bus.0,");
  });

  it("has Secure Boot without SMM", () => {
    const secure = arm64({ boot: { kind: "disk", firmware: "secure-boot" } });
    expect(secure).toContain("if=pflash,format=raw,readonly=on,file=/C.fd");
    expect(secure).not.toMatch(/smm|cfi/);
  });
});

it("leaves no double spaces in the kernel arguments", () => {
  expect(kernelArguments("amd64")).toBe("k3os.root=SERIAL=k3os-root console=ttyS0 quiet no_timer_check");
});

function own(bus: Bus): Disk {
  return { file: "disk.qcow2", format: "qcow2", bus, bootIndex: 1 };
}

function iso(as: "disc" | "usb", firmware: Firmware): Boot {
  return { kind: "iso", file: "/k3os.iso", as, firmware };
}
