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
  /** What Linux calls the first serial port. */
  readonly serialConsole: string;
  /** Modules of the initrd besides those of base.yaml. */
  readonly modules: readonly string[];
  /** GRUB's name of the platform, and what firmware looks for. */
  readonly bios: { readonly grub: string };
  readonly efi: {
    readonly grub: string;
    readonly bootFile: string;
    readonly shimFile: string;
    readonly grubFile: string;
  };
  /** The virtual machine. */
  readonly qemu: {
    readonly program: string;
    readonly machine: string;
    /** The machine whose firmware protects its variables, for Secure Boot. */
    readonly secureMachine: string;
    /** Files below /usr/share of the tools. */
    readonly firmware: { readonly [F in "uefi" | "secure-boot"]: { readonly code: string; readonly vars: string } };
  };
  /** Packages of the tools besides those of base.yaml. */
  readonly tools: readonly string[];
  /** The list of sums of an official k3s release. */
  readonly k3sSums: string;
}

export type ArchitectureName = "amd64";

export const ARCHITECTURES: { readonly [A in ArchitectureName]: Architecture } = {
  amd64: {
    debian: "amd64",
    triple: "x86_64-linux-gnu",
    loader: "/lib64/ld-linux-x86-64.so.2",
    elfMachine: 62,
    go: "amd64",
    serialConsole: "ttyS0",
    modules: ["crc32c_intel"],
    bios: { grub: "i386-pc" },
    efi: { grub: "x86_64-efi", bootFile: "BOOTX64.EFI", shimFile: "shimx64.efi", grubFile: "grubx64.efi" },
    qemu: {
      program: "qemu-system-x86_64",
      machine: "q35",
      secureMachine: "q35,smm=on",
      firmware: {
        uefi: { code: "OVMF/OVMF_CODE_4M.fd", vars: "OVMF/OVMF_VARS_4M.fd" },
        "secure-boot": { code: "OVMF/OVMF_CODE_4M.secboot.fd", vars: "OVMF/OVMF_VARS_4M.ms.fd" },
      },
    },
    tools: ["grub-pc-bin", "ovmf", "qemu-system-x86", "seabios"],
    k3sSums: "sha256sum-amd64.txt",
  },
};

/** What images are made for, and the processor of the machine that makes them. */
export const ARCHITECTURE_NAME: ArchitectureName = "amd64";
export const ARCHITECTURE: Architecture = ARCHITECTURES[ARCHITECTURE_NAME];

/** Kernel arguments for a console on the screen and, with the last word, one on the serial port. */
export const SCREEN_AND_SERIAL = ["console=tty0", `console=${ARCHITECTURE.serialConsole},115200`] as const;
