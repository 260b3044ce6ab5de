/** From what a machine should be to QEMU's command line. Pure: starts nothing, looks at nothing. */

export type Accel = "kvm" | "tcg";
export type Firmware = "bios" | "uefi";

/** What the machine boots. */
export type Boot =
  /** An image directory: kernel and initrd handed over by QEMU, the root as a read-only disk. */
  | { readonly kind: "image"; readonly dir: string; readonly append?: string }
  /** A medium, the way a machine would: as a disc, or as a USB stick. */
  | { readonly kind: "iso"; readonly file: string; readonly as: "disc" | "usb"; readonly firmware: Firmware }
  /** The machine's first disk. */
  | { readonly kind: "disk"; readonly firmware: Firmware };

export interface Disk {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  /** What the guest sees below /dev/disk/by-id/virtio-…; at most 20 bytes. */
  readonly serial?: string;
  readonly readOnly?: boolean;
}

/** A port of the host (on 127.0.0.1 only) that leads to one of the guest. */
export interface Forward {
  readonly host: number;
  readonly guest: number;
}

export interface QemuOptions {
  readonly name: string;
  readonly accel: Accel;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly boot: Boot;
  /** The NoCloud volume. */
  readonly seed?: string;
  readonly disks?: readonly Disk[];
  readonly forwards?: readonly Forward[];
  /** Paths of the sockets and of the log, as QEMU shall open them. */
  readonly qmpSocket: string;
  readonly serialSocket: string;
  readonly serialLog: string;
  /** UEFI's code, and the machine's own copy of its variables. Needed when `boot.firmware` is `uefi`. */
  readonly uefi?: { readonly code: string; readonly vars: string };
}

/**
 * Which kernel arguments an image is booted with. `no_timer_check`: on a busy host, an emulated timer is too late for the
 * kernel's check, which then panics.
 */
export function kernelArguments(extra = ""): string {
  return ["k3os.root=SERIAL=k3os-root", "console=ttyS0", "quiet", "no_timer_check", extra]
    .filter((word) => word !== "")
    .join(" ");
}

export function qemuArguments(options: QemuOptions): string[] {
  return [
    "qemu-system-x86_64",
    ...["-name", `${options.name},process=k3os-${options.name}`.slice(0, 120)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"],
    ...["-machine", "q35", ...processor(options)],
    ...["-smp", String(options.cpus), "-m", String(options.memoryMiB)],
    ...["-qmp", `unix:${comma(options.qmpSocket)},server=on,wait=off`],
    ...[
      "-chardev",
      `socket,id=serial,path=${comma(options.serialSocket)},server=on,wait=off,logfile=${comma(options.serialLog)},logappend=off`,
    ],
    ...["-serial", "chardev:serial"],
    ...["-device", "virtio-rng-pci"],
    ...["-netdev", ["user,id=net", ...(options.forwards ?? []).map(forward)].join(",")],
    ...["-device", "virtio-net-pci,netdev=net"],
    ...boot(options),
    ...(options.seed === undefined
      ? []
      : disk({ file: options.seed, format: "raw", serial: "cidata", readOnly: true }, "seed")),
    ...(options.disks ?? []).flatMap((one, index) => disk(one, `disk${index}`)),
  ];
}

function processor(options: QemuOptions): string[] {
  // The translation cache is only reserved, not used up; the default is too small for Kubernetes and is flushed again and again.
  return options.accel === "kvm"
    ? ["-accel", "kvm", "-cpu", "host"]
    : ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max"];
}

function boot(options: QemuOptions): string[] {
  const { boot } = options;
  if (boot.kind === "image") {
    return [
      ...["-kernel", `${boot.dir}/vmlinuz`, "-initrd", `${boot.dir}/initrd`],
      ...["-append", kernelArguments(boot.append)],
      ...disk({ file: `${boot.dir}/root.squashfs`, format: "raw", serial: "k3os-root", readOnly: true }, "root"),
    ];
  }
  const firmware = boot.firmware === "uefi" ? uefi(options) : [];
  if (boot.kind === "disk") return firmware;
  const drive = `if=none,id=medium,format=raw,readonly=on,file=${comma(boot.file)}`;
  return boot.as === "disc"
    ? [...firmware, "-drive", `${drive},media=cdrom`, "-device", "ide-cd,drive=medium,bootindex=0"]
    : [
        ...firmware,
        "-drive",
        drive,
        "-device",
        "qemu-xhci",
        "-device",
        "usb-storage,drive=medium,removable=on,bootindex=0",
      ];
}

function uefi(options: QemuOptions): string[] {
  if (options.uefi === undefined) throw new TypeError("UEFI firmware needs its code and variables");
  return [
    ...["-drive", `if=pflash,format=raw,readonly=on,file=${comma(options.uefi.code)}`],
    ...["-drive", `if=pflash,format=raw,file=${comma(options.uefi.vars)}`],
  ];
}

function disk(disk: Disk, id: string): string[] {
  const readOnly = disk.readOnly === true ? ",readonly=on" : "";
  const serial = disk.serial === undefined ? "" : `,serial=${comma(disk.serial)}`;
  return [
    ...["-drive", `if=none,id=${id},format=${disk.format}${readOnly},file=${comma(disk.file)}`],
    ...["-device", `virtio-blk-pci,drive=${id}${serial}`],
  ];
}

function forward({ host, guest }: Forward): string {
  return `hostfwd=tcp:127.0.0.1:${host}-:${guest}`;
}

/** QEMU's option lists are separated by commas; a comma that is meant is doubled. */
function comma(value: string): string {
  return value.replaceAll(",", ",,");
}
