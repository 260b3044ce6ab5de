import { ARCHITECTURES, type ArchitectureName, lateTimer } from "../image/architecture.ts";
import type { Bus } from "./disk.ts";
import { type Forward, type Nic, nicArguments } from "./nics.ts";

export { lateTimer };

export type Accel = "kvm" | "tcg";
/** `secure-boot`: UEFI that starts only programs signed with Microsoft's keys or one of the user's. */
export type Firmware = "bios" | "uefi" | "secure-boot";

/** What boots a disk or a medium if nobody says. */
export function usualFirmware(architecture: ArchitectureName): Firmware {
  return ARCHITECTURES[architecture].bios ? "bios" : "uefi";
}

/** What starts a machine. */
export function firmwareOf({ architecture, boot }: Pick<QemuOptions, "architecture" | "boot">): Firmware {
  return boot.kind === "image" ? usualFirmware(architecture) : boot.firmware;
}

/** What the machine boots. */
export type Boot =
  /** An image directory. QEMU hands over kernel and initrd; the root is a read-only disk. */
  | { readonly kind: "image"; readonly dir: string; readonly append?: string }
  /** A medium, attached as a disc or as a USB stick. */
  | { readonly kind: "iso"; readonly file: string; readonly as: "disc" | "usb"; readonly firmware: Firmware }
  /** The machine's first disk. */
  | { readonly kind: "disk"; readonly firmware: Firmware }
  /** The network: iPXE in the option ROM of the first card boots what DHCP names, here a URL. */
  | { readonly kind: "network"; readonly url: string; readonly firmware: Firmware };

export interface Disk {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  /** The name below /dev/disk/by-id/virtio-… in the guest; at most 20 bytes. */
  readonly serial?: string;
  readonly readOnly?: boolean;
  /** Discard the guest's writes when QEMU ends. */
  readonly snapshot?: boolean;
  /** How the disk is attached; virtio if not given. */
  readonly bus?: Bus | undefined;
  /** Bytes of its sectors, 512 if not given. */
  readonly sectorSize?: 512 | 4096 | undefined;
  /** Its position in the boot order. */
  readonly bootIndex?: number;
  /** An empty file that every write and flush is recorded in, see `src/formats/write-log.ts`. Only for raw disks. */
  readonly writeLog?: string | undefined;
}

export interface QemuOptions {
  readonly name: string;
  /** Its processor. */
  readonly architecture: ArchitectureName;
  readonly accel: Accel;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly boot: Boot;
  /** The NoCloud volume. */
  readonly seed?: string;
  readonly disks?: readonly Disk[];
  readonly forwards?: readonly Forward[];
  /** One with a network of its own if not given. */
  readonly nics?: readonly Nic[] | undefined;
  /** The clock's time at power-on, in QEMU's format: `1970-01-01T00:00:00`. The host's time if not given. */
  readonly clock?: string | undefined;
  /** QEMU's board; that of the processor if not given, a `q35` for amd64. */
  readonly board?: "pc" | undefined;
  /** Whether it has a watchdog in hardware, which resets it: Intel's 6300ESB. */
  readonly watchdog?: boolean | undefined;
  /** Paths of the sockets and of the log, as QEMU opens them. */
  readonly qmpSocket: string;
  readonly serialSocket: string;
  readonly serialLog: string;
  /** UEFI's code, and the machine's own copy of its variables. Needed unless it boots by BIOS (`firmwareOf`). */
  readonly uefi?: { readonly code: string; readonly vars: string };
}

/** The kernel arguments that an image is booted with. */
export function kernelArguments(architecture: ArchitectureName, extra = ""): string {
  const { serialConsole, qemu } = ARCHITECTURES[architecture];
  return ["k3os.root=SERIAL=k3os-root", `console=${serialConsole}`, "quiet", ...qemu.kernelArguments, extra]
    .filter((word) => word !== "")
    .join(" ");
}

export function qemuArguments(options: QemuOptions): string[] {
  const { qemu } = ARCHITECTURES[options.architecture];
  return [
    qemu.program,
    ...["-name", `${options.name},process=k3os-${options.name}`.slice(0, 120)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"],
    ...["-machine", options.board ?? (isSecure(options.boot) ? qemu.secure.machine : qemu.machine)],
    ...processor(options),
    ...["-smp", String(options.cpus), "-m", String(options.memoryMiB)],
    ...["-qmp", `unix:${comma(options.qmpSocket)},server=on,wait=off`],
    ...["-chardev", consoleDevice(options)],
    ...["-serial", "chardev:serial"],
    ...["-device", "virtio-rng-pci"],
    ...nicArguments(options.nics ?? [{}], options.forwards ?? [], bootFile(options.boot)),
    ...(options.clock === undefined ? [] : ["-rtc", `base=${options.clock}`]),
    ...(options.watchdog === true ? ["-device", "i6300esb"] : []),
    ...boot(options),
    ...(options.seed === undefined
      ? []
      : disk(options, { file: options.seed, format: "raw", serial: "cidata", readOnly: true }, "seed")),
    ...(options.disks ?? []).flatMap((one, index) => disk(options, one, `disk${index}`)),
  ];
}

/** The serial console as a socket. QEMU appends to its log, because this library writes lines to the log, too. */
function consoleDevice({ serialSocket, serialLog }: QemuOptions): string {
  const socket = `socket,id=serial,path=${comma(serialSocket)},server=on,wait=off`;
  return `${socket},logfile=${comma(serialLog)},logappend=on`;
}

function processor(options: QemuOptions): string[] {
  // QEMU's default translation cache is too small for Kubernetes: it would be flushed again and again. Unused memory is
  // only reserved.
  return options.accel === "kvm"
    ? ["-accel", "kvm", "-cpu", "host"]
    : ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", ARCHITECTURES[options.architecture].qemu.processor];
}

function boot(options: QemuOptions): string[] {
  const { boot, architecture } = options;
  if (boot.kind === "image") {
    const root = { file: `${boot.dir}/root.squashfs`, format: "raw", serial: "k3os-root", readOnly: true } as const;
    return [
      // Where there is no BIOS, UEFI starts what QEMU hands it: so the machine has ACPI, and with it a power button.
      ...(firmwareOf(options) === "bios" ? [] : uefi(options)),
      ...["-kernel", `${boot.dir}/vmlinuz`, "-initrd", `${boot.dir}/initrd`],
      ...["-append", kernelArguments(architecture, boot.append)],
      ...disk(options, root, "root"),
    ];
  }
  const firmware = boot.firmware === "bios" ? [] : uefi(options);
  if (boot.kind === "disk" || boot.kind === "network") return firmware;
  const drive = `if=none,id=medium,format=raw,readonly=on,file=${comma(boot.file)}`;
  const devices =
    boot.as === "disc" ? ARCHITECTURES[architecture].qemu.disc : ["qemu-xhci", "usb-storage,drive=medium,removable=on"];
  return [
    ...[...firmware, "-drive", boot.as === "disc" ? `${drive},media=cdrom` : drive],
    ...devices.flatMap((device, index) => ["-device", index === devices.length - 1 ? `${device},bootindex=0` : device]),
  ];
}

function bootFile(boot: Boot): string | undefined {
  return boot.kind === "network" ? boot.url : undefined;
}

function uefi(options: QemuOptions): string[] {
  if (options.uefi === undefined) throw new TypeError("UEFI firmware needs its code and variables");
  return [
    ...["-drive", `if=pflash,format=raw,readonly=on,file=${comma(options.uefi.code)}`],
    ...["-drive", `if=pflash,format=raw,file=${comma(options.uefi.vars)}`],
    ...(isSecure(options.boot) ? ARCHITECTURES[options.architecture].qemu.secure.options : []),
  ];
}

function isSecure(boot: Boot): boolean {
  return boot.kind !== "image" && boot.firmware === "secure-boot";
}

function disk({ architecture }: QemuOptions, disk: Disk, id: string): string[] {
  const { bus = "virtio", sectorSize } = disk;
  const access = disk.readOnly === true ? ",readonly=on" : disk.snapshot === true ? ",snapshot=on" : "";
  const { devices, model } = buses[bus](id, architecture);
  const properties = [
    `${model},drive=${id}`,
    // NVMe disks must have a serial.
    ...(disk.serial !== undefined || bus === "nvme" ? [`serial=${comma(disk.serial ?? id)}`] : []),
    ...(sectorSize === undefined ? [] : [`logical_block_size=${sectorSize},physical_block_size=${sectorSize}`]),
    ...(disk.bootIndex === undefined ? [] : [`bootindex=${disk.bootIndex}`]),
  ];
  return [...["-drive", `if=none,id=${id},${source(disk, access)}`], ...[...devices, "-device", properties.join(",")]];
}

function source({ file, format, writeLog }: Disk, access: string): string {
  if (writeLog === undefined) return `format=${format}${access},file=${comma(file)}`;
  const recorded = `file.driver=${format},file.file.driver=file,file.file.filename=${comma(file)}`;
  return `driver=blklogwrites${access},${recorded},log.driver=file,log.filename=${comma(writeLog)}`;
}

interface OnBus {
  readonly devices: readonly string[];
  readonly model: string;
}

/** The controller that a disk of each bus needs, and the model of the disk. */
const buses: Readonly<Record<Bus, (id: string, architecture: ArchitectureName) => OnBus>> = {
  virtio: () => ({ devices: [], model: "virtio-blk-pci" }),
  scsi: (id) => ({ devices: ["-device", `virtio-scsi-pci,id=${id}-bus`], model: `scsi-hd,bus=${id}-bus.0` }),
  pvscsi: (id) => ({ devices: ["-device", `pvscsi,id=${id}-bus`], model: `scsi-hd,bus=${id}-bus.0` }),
  nvme: () => ({ devices: [], model: "nvme" }),
  sata: (id, architecture) =>
    ARCHITECTURES[architecture].qemu.hasSata
      ? { devices: [], model: "ide-hd" }
      : { devices: ["-device", `ahci,id=${id}-bus`], model: `ide-hd,bus=${id}-bus.0` },
  megasas: (id) => ({ devices: ["-device", `megasas-gen2,id=${id}-bus`], model: `scsi-hd,bus=${id}-bus.0` }),
  usb3: (id) => ({ devices: ["-device", `qemu-xhci,id=${id}-bus`], model: `usb-storage,bus=${id}-bus.0` }),
  usb2: (id) => ({ devices: ["-device", `usb-ehci,id=${id}-bus`], model: `usb-storage,bus=${id}-bus.0` }),
};

/** Doubles commas, which separate the options in QEMU's lists. */
function comma(value: string): string {
  return value.replaceAll(",", ",,");
}
