/** Everything that depends on the processor of a node. What is not here is the same for all. */
export interface Architecture {
  /** Debian's name, which `{arch}` in base.yaml stands for. */
  readonly debian: string;
  /** GNU's name of the system, which `{triple}` in base.yaml stands for: the directory of libraries is called so. */
  readonly triple: string;
  /** Path of the dynamic loader, as programs name it. */
  readonly loader: string;
  /** `e_machine` of its programs. */
  readonly elfMachine: number;
  /** Its name in images of containers (OCI) and for the Go compiler. */
  readonly go: string;
  /** What Linux calls the first serial port: a console, unless an image names others. */
  readonly serialConsole: string;
  /** Modules of the initrd besides those of base.yaml. */
  readonly modules: readonly string[];
  /** Whether its processors take microcode from the initrd, and Debian has some for them. */
  readonly hasMicrocode: boolean;
  /** GRUB's name of the platform, if there are machines with a BIOS. */
  readonly bios?: { readonly grub: string };
  /** GRUB's name of the platform, and what firmware looks for. */
  readonly efi: {
    readonly grub: string;
    readonly bootFile: string;
    readonly shimFile: string;
    readonly grubFile: string;
  };
  readonly qemu: VirtualMachine;
  /** Packages of the tools besides those of base.yaml: for machines with this processor, whatever builds them. */
  readonly tools: readonly string[];
  /** Packages with files for media, besides those of base.yaml. */
  readonly target: readonly string[];
  /** Files of an official k3s release: the list of sums, and the binary. */
  readonly k3s: { readonly sums: string; readonly binary: string };
}

/** How QEMU emulates it. */
export interface VirtualMachine {
  readonly program: string;
  readonly machine: string;
  /** The machine whose firmware protects its variables, for Secure Boot, and what else that takes. */
  readonly secure: { readonly machine: string; readonly options: readonly string[] };
  /** The processor where it is emulated. */
  readonly processor: string;
  /** Kernel arguments where it may be emulated. */
  readonly kernelArguments: readonly string[];
  /** Whether the machine has a SATA controller by itself. */
  readonly hasSata: boolean;
  /** A disc whose drive is `medium`: the devices besides its position in the boot order. */
  readonly disc: readonly [...controllers: string[], disc: string];
  /** Files below /usr/share of the tools. */
  readonly firmware: { readonly [F in "uefi" | "secure-boot"]: { readonly code: string; readonly vars: string } };
}

export type ArchitectureName = "amd64" | "arm64";

/**
 * Skips the kernel's check of its timer. On a busy host, an emulated timer is too late for it, and the kernel panics.
 * Only amd64 has that check; other kernels pass over the word.
 */
export const lateTimer = "no_timer_check";

export const ARCHITECTURES: { readonly [A in ArchitectureName]: Architecture } = {
  amd64: {
    debian: "amd64",
    triple: "x86_64-linux-gnu",
    loader: "/lib64/ld-linux-x86-64.so.2",
    elfMachine: 62,
    go: "amd64",
    serialConsole: "ttyS0",
    modules: ["crc32c_intel"],
    hasMicrocode: true,
    bios: { grub: "i386-pc" },
    efi: { grub: "x86_64-efi", bootFile: "BOOTX64.EFI", shimFile: "shimx64.efi", grubFile: "grubx64.efi" },
    qemu: {
      program: "qemu-system-x86_64",
      machine: "q35",
      secure: {
        machine: "q35,smm=on",
        // Only the firmware itself may write the variables.
        options: ["-global", "driver=cfi.pflash01,property=secure,value=on"],
      },
      processor: "max",
      kernelArguments: [lateTimer],
      hasSata: true,
      disc: ["ide-cd,drive=medium"],
      firmware: {
        uefi: { code: "OVMF/OVMF_CODE_4M.fd", vars: "OVMF/OVMF_VARS_4M.fd" },
        "secure-boot": { code: "OVMF/OVMF_CODE_4M.secboot.fd", vars: "OVMF/OVMF_VARS_4M.ms.fd" },
      },
    },
    tools: ["ovmf", "qemu-system-x86", "seabios"],
    target: ["grub-pc-bin"],
    k3s: { sums: "sha256sum-amd64.txt", binary: "k3s" },
  },
  arm64: {
    debian: "arm64",
    triple: "aarch64-linux-gnu",
    loader: "/lib/ld-linux-aarch64.so.1",
    elfMachine: 183,
    go: "arm64",
    serialConsole: "ttyAMA0",
    modules: ["sbsa_gwdt"],
    hasMicrocode: false,
    efi: { grub: "arm64-efi", bootFile: "BOOTAA64.EFI", shimFile: "shimaa64.efi", grubFile: "grubaa64.efi" },
    qemu: {
      program: "qemu-system-aarch64",
      machine: "virt,gic-version=max",
      // Whoever is root on the machine may write the variables: this machine has nothing like SMM.
      secure: { machine: "virt,gic-version=max", options: [] },
      // A server's. `max` signs pointers, which takes QEMU longer than what they point to.
      processor: "neoverse-n1",
      kernelArguments: [],
      hasSata: false,
      disc: ["virtio-scsi-pci,id=medium-bus", "scsi-cd,bus=medium-bus.0,drive=medium"],
      firmware: {
        uefi: { code: "AAVMF/AAVMF_CODE.no-secboot.fd", vars: "AAVMF/AAVMF_VARS.fd" },
        "secure-boot": { code: "AAVMF/AAVMF_CODE.ms.fd", vars: "AAVMF/AAVMF_VARS.ms.fd" },
      },
    },
    tools: ["ipxe-qemu", "qemu-efi-aarch64", "qemu-system-arm"],
    target: [],
    k3s: { sums: "sha256sum-arm64.txt", binary: "k3s-arm64" },
  },
};

export const ARCHITECTURE_NAMES = Object.keys(ARCHITECTURES) as ArchitectureName[];

/**
 * Kernel arguments for a console on the screen and, with the last words, on serial ports: these, or the usual one of
 * the processor.
 */
export function screenAndSerial(architecture: ArchitectureName, ports?: readonly string[]): readonly string[] {
  const serial = ports ?? [ARCHITECTURES[architecture].serialConsole];
  return ["console=tty0", ...serial.map((port) => `console=${port},115200`)];
}
