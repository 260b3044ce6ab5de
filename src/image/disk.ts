/** What lies where on the disk of a node, as data: the build writes it into a file, the installer onto a device. */
import { ARCHITECTURES, type ArchitectureName, screenAndSerial } from "./architecture.ts";
import { formatBootEnv, type SlotName } from "./boot-env.ts";
import {
  BOOT_ENV,
  BOOT_MENU,
  diskMenu,
  formatSlotRecord,
  MACHINE_ARGUMENTS,
  machineArguments,
  menuFinder,
  SLOT_FILE,
  SLOT_INITRD,
  SLOT_KERNEL,
  type SlotRecord,
  slotDirectory,
} from "./grub.ts";
import type { ImageJson } from "./image-json.ts";
import { imageName } from "./index-json.ts";

export interface Partition {
  readonly number: number;
  /** Its name in the GPT. */
  readonly name: string;
  /** GPT type (UEFI specification, table 5.7; the discoverable partitions specification). */
  readonly type: string;
  readonly startMiB: number;
  /** The rest of the disk if not given. */
  readonly sizeMiB?: number;
}

/**
 * Where BIOS's GRUB lies: outside of any file system. Only disks with sectors of 512 bytes boot that way. It stays
 * empty where no machine has a BIOS: so the other partitions have their numbers on every disk.
 */
export const BIOS_BOOT: Partition = {
  number: 1,
  name: "K3OS_BIOS",
  type: "21686148-6449-6E6F-744E-656564454649",
  startMiB: 1,
  sizeMiB: 1,
};
/**
 * What UEFI looks for a loader in, with all that GRUB reads: FAT32, the label is `K3OS_GRUB`. UEFI refuses a FAT32 of
 * less than 65525 clusters; with sectors of 4096 bytes those need 257 MiB. From 260 MiB on, busybox would make the
 * clusters larger.
 */
export const ESP: Partition = {
  number: 2,
  name: "K3OS_GRUB",
  type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  startMiB: 2,
  sizeMiB: 258,
};
/**
 * Roots of images, config and all that is kept: ext4, the label is `K3OS_STATE`. It grows with the disk at every boot.
 */
export const STATE: Partition = {
  number: 3,
  name: "K3OS_STATE",
  type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
  startMiB: 260,
};

export const PARTITIONS = [BIOS_BOOT, ESP, STATE] as const;
export const GRUB_LABEL = ESP.name;
export const STATE_LABEL = STATE.name;

/** Below this there is no room for an image, the next one, and what Kubernetes keeps. */
export const SMALLEST_DISK_MIB = 2048;

/** Programs that make the file systems: append the device. `mkfs.vfat` is as busybox has it, too. */
export const MAKE_ESP = ["mkfs.vfat", "-F", "32", "-s", "1", "-n", GRUB_LABEL] as const;
export const MAKE_STATE = [
  "mkfs.ext4",
  ...["-q", "-F", "-L", STATE_LABEL, "-e", "remount-ro", "-m", "1"],
  // Made small and grown later: blocks and inodes as a large file system has them. The UUID can change while it is
  // mounted.
  ...["-b", "4096", "-i", "16384", "-J", "size=32", "-O", "metadata_csum_seed"],
] as const;

export interface Identities {
  readonly disk: string;
  /** By number. */
  readonly partitions: Readonly<Record<number, string>>;
}

/**
 * Identities of a disk that was built and not installed: equal builds are equal. Its first boot gives the state
 * partition one of its own, so that two such disks can be in one machine.
 */
export const PREBUILT = {
  disk: "6B334F53-0000-4000-8000-000000000000",
  partitions: {
    1: "6B334F53-0000-4000-8000-000000000001",
    2: "6B334F53-0000-4000-8000-000000000002",
    3: "6B334F53-0000-4000-8000-000000000003",
  },
  /** Of the file system. */
  state: "6b334f53-0000-4000-8000-0000000000e4",
} as const satisfies Identities & { readonly state: string };

/**
 * The partition table as sfdisk(8) reads it, for any size of sectors; without `identities`, sfdisk makes random ones.
 */
export function partitionScript(identities?: Identities): string {
  const lines = PARTITIONS.map(({ number, name, type, startMiB, sizeMiB }) =>
    [
      `start=${startMiB}MiB`,
      ...(sizeMiB === undefined ? [] : [`size=${sizeMiB}MiB`]),
      `type=${type}`,
      `name="${name}"`,
      ...(identities ? [`uuid=${identities.partitions[number]}`] : []),
    ].join(", "),
  );
  const id = identities ? [`label-id: ${identities.disk}`] : [];
  return ["label: gpt", ...id, ...lines, ""].join("\n");
}

/** The device of a partition: `/dev/sda` and 3 are `/dev/sda3`, `/dev/nvme0n1` and 3 are `/dev/nvme0n1p3`. */
export function partitionDevice(disk: string, number: number): string {
  return `${disk}${/\d$/.test(disk) ? "p" : ""}${number}`;
}

/** Paths on the state partition. `SYSTEM` is visible under the same name on the running node, read-only. */
export const SYSTEM = "/k3os/system";
export const SYSTEM_CONFIG = `${SYSTEM}/config.yaml`;
/** Holds what persists: `var`, `home`, `opt`, `local` (`/usr/local`). */
export const DATA = "/k3os/data";
/**
 * How many sectors of 512 bytes its partition had when the file system was last made to fill it: on the file system
 * itself, so that they move together.
 */
export const FILLED = "/k3os/filled";
/** Flag files: what persists is wiped once at the next boot, or at every boot. */
export const FACTORY_RESET = `${SYSTEM}/factory-reset`;
export const EPHEMERAL = `${SYSTEM}/ephemeral`;
/** What an image consists of. On a disk, kernel and initrd are on the ESP, the others on the state partition. */
export const IMAGE_FILES = ["vmlinuz", "initrd", "root.squashfs", "image.json"] as const;
/** What a slot has of an image on the ESP, by its name there. */
export const KERNEL_FILES = { [SLOT_KERNEL]: "vmlinuz", [SLOT_INITRD]: "initrd" } as const;
/** What it has on the state partition, in a directory with the name of the image (`imageName`). */
export const SYSTEM_FILES = ["root.squashfs", "image.json"] as const;

/** A link to the image that was last kept: for people, and for a medium that boots the installed system. */
export const CURRENT = `${SYSTEM}/current`;

/** Something that goes onto one of the file systems. Directories are those that the paths need. */
export type DiskEntry =
  | { readonly path: string; readonly text: string | Uint8Array; readonly mode?: number }
  | { readonly path: string; readonly target: string };

/** Everything on a new ESP besides loaders and `KERNEL_FILES` of slot a. The slot's record is last. */
export function espEntries(
  architecture: ArchitectureName,
  slot: SlotRecord,
  machine: readonly string[] = [],
): DiskEntry[] {
  const env = { path: BOOT_ENV, text: formatBootEnv({ good: "a" }) };
  return [...menuEntries(architecture, machine), env, ...slotEntries("a", slot)];
}

/**
 * The boot menu, and the kernel arguments of this machine: these words or, if there are none, the text `existing`. With
 * neither, those on the disk stay.
 */
export function menuEntries(
  architecture: ArchitectureName,
  machine: readonly string[],
  existing?: string,
): DiskEntry[] {
  const text = machine.length === 0 ? existing : machineArguments(machine);
  return [
    ...(text === undefined ? [] : [{ path: MACHINE_ARGUMENTS, text }]),
    { path: BOOT_MENU, text: diskMenu(architecture) },
    { path: ESP_MENU, text: menuFinder() },
  ];
}

/** What lies beside `KERNEL_FILES` in a slot. It makes the slot count. */
export function slotEntries(slot: SlotName, record: SlotRecord): DiskEntry[] {
  return [{ path: `${slotDirectory(slot)}/${SLOT_FILE}`, text: formatSlotRecord(record) }];
}

/** Everything on a new state partition besides `SYSTEM_FILES` in the system's directory. */
export function stateEntries(slot: SlotRecord, config: string | undefined): DiskEntry[] {
  return [...configEntries(config), { path: CURRENT, target: slot.system.slice(SYSTEM.length + 1) }];
}

/** The record of a slot with this image. `digest` is the sha256 of its `image.json`: `sha256:…`. */
export function slotRecord(
  { version, architecture, kernel }: Pick<ImageJson, "version" | "architecture" | "kernel">,
  digest: string,
): SlotRecord {
  const consoles = kernel.serial && screenAndSerial(architecture, kernel.serial);
  const system = `${SYSTEM}/${imageName({ version, digest })}`;
  return { version, digest, system, arguments: kernel.arguments, ...(consoles && { consoles }) };
}

/** The lowest layer of the config, for root only; nothing for `undefined`. */
export function configEntries(config: string | undefined): DiskEntry[] {
  return config === undefined ? [] : [{ path: SYSTEM_CONFIG, text: config, mode: 0o600 }];
}

/** Files of the loader inside the root of every image. */
export const LOADER = "/usr/lib/k3os/loader";

/** The two files that BIOS boots by. */
export const BIOS_FILES = { bootImg: "boot.img", coreImg: "core.img" } as const;

/** Both, read by their names. */
export function biosParts(read: (name: string) => Uint8Array) {
  return { bootImg: read(BIOS_FILES.bootImg), coreImg: read(BIOS_FILES.coreImg) };
}

export function loaderFiles(architecture: ArchitectureName): readonly string[] {
  const { bios, efi } = ARCHITECTURES[architecture];
  return [...(bios ? Object.values(BIOS_FILES) : []), efi.shimFile, efi.grubFile];
}

/**
 * What the ESP holds: files of the loader by their name there, and one text. Debian's shim starts the GRUB beside it.
 */
export function espLoaders(
  architecture: ArchitectureName,
): readonly [{ readonly path: string; readonly from: string }, { readonly path: string; readonly from: string }] {
  const { bootFile, shimFile, grubFile } = ARCHITECTURES[architecture].efi;
  return [
    { path: `/EFI/BOOT/${bootFile}`, from: shimFile },
    { path: `/EFI/BOOT/${grubFile}`, from: grubFile },
  ];
}

/** Where Debian's signed GRUB looks for its menu. */
export const ESP_MENU = "/EFI/debian/grub.cfg";
