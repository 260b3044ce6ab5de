/**
 * Machines whose own firmware is read from the disk: what that has to hold, besides what every disk has, so that they
 * come as far as UEFI.
 */
export interface BootFirmware {
  /** What people call these machines, after `a`. */
  readonly title: string;
  /** Debian packages with its files. */
  readonly packages: readonly string[];
  /** Dependencies of these that are left out. */
  readonly exclude: readonly string[];
  /** Everything besides `texts` that is at the top of the ESP. */
  readonly files: readonly BootFile[];
  /** Texts at the top of the ESP, by name. */
  readonly texts: Readonly<Record<string, string>>;
  /** Whether some of the machines find the ESP only in a table of partitions as DOS had it. */
  readonly inMbr: boolean;
}

export interface BootFile {
  /** Which tree has it. */
  readonly from: "packages" | "kernel";
  /** A pattern of paths there. At least one file has to match. */
  readonly path: string;
}

const CONFIG_TXT = `# What the firmware of a Raspberry Pi starts: U-Boot, which is the UEFI of the board.
arm_64bit=1
kernel=u-boot.bin
# The serial port of the pins 8 and 10; without this, its speed follows that of the GPU.
enable_uart=1
# Device trees have the names that they have in Linux.
upstream_kernel=1
`;

export const BOOT_FIRMWARE = {
  "raspberry-pi": {
    title: "Raspberry Pi",
    packages: ["raspi-firmware", "u-boot-rpi"],
    exclude: ["dosfstools"],
    files: [
      // What the boot ROM of a Pi 3 and a Zero 2 W starts; a Pi 4 has it in a flash memory.
      { from: "packages", path: "usr/lib/raspi-firmware/bootcode.bin" },
      // The ones for little memory of the GPU are taken if somebody adds `gpu_mem=16`.
      { from: "packages", path: "usr/lib/raspi-firmware/{start,start_cd,start4,start4cd}.elf" },
      { from: "packages", path: "usr/lib/raspi-firmware/{fixup,fixup_cd,fixup4,fixup4cd}.dat" },
      { from: "packages", path: "usr/lib/u-boot/rpi_arm64/u-boot.bin" },
      { from: "kernel", path: "usr/lib/linux-image-*/broadcom/bcm{2711,2837}-*.dtb" },
    ],
    texts: { "config.txt": CONFIG_TXT },
    inMbr: true,
  },
} as const satisfies Readonly<Record<string, BootFirmware>>;

export type BootFirmwareName = keyof typeof BOOT_FIRMWARE;
export const BOOT_FIRMWARE_NAMES = Object.keys(BOOT_FIRMWARE) as BootFirmwareName[];

/** What people call the machines with this firmware; its name, if only a newer k3OS knows it. */
export function bootFirmwareTitle(name: string): string {
  return Object.hasOwn(BOOT_FIRMWARE, name) ? bootFirmware(name as BootFirmwareName).title : name;
}

/** As an interface: a table of one row would tell its own values for those of every row. */
export const bootFirmware = (name: BootFirmwareName): BootFirmware => BOOT_FIRMWARE[name];
