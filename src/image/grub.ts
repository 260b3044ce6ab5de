import { ARCHITECTURES, type ArchitectureName, screenAndSerial } from "./architecture.ts";
import { ENV, type SlotName } from "./boot-env.ts";

export interface BootMenu {
  /** The directory of the image on the medium, such as `/k3os/system/0.30.0`. */
  readonly directory: string;
  /** Label of the file system that holds it. */
  readonly label: string;
  /** Kernel arguments of every entry. */
  readonly arguments: readonly string[];
  /** Serial ports that are consoles, if not the usual one of the processor. */
  readonly serial?: readonly string[] | undefined;
}

/** Boots at once unless a key is pressed, on the screen and on the serial port. */
const timeout = "set timeout=1\n";
const serial = `if serial --unit=0 --speed=115200; then
  terminal_input --append serial
  terminal_output --append serial
fi
`;

/**
 * Under BIOS by the kernel's 16-bit entry (Linux' boot protocol): `linux` moves all of the memory that the kernel asks
 * for, byte by byte, to where it belongs, which costs seconds where processors are emulated; `linux16` reads it to its
 * place.
 */
const biosStarters = `if [ "$grub_platform" = pc ]; then
  set linux=linux16
  set initrd=initrd16
else
  set linux=linux
  set initrd=initrd
fi
export linux initrd
`;
const starters = "set linux=linux\nset initrd=initrd\nexport linux initrd\n";

/** Where all firmware is UEFI, its console is on the serial port already, and GRUB finds no port of its own. */
function beginning(architecture: ArchitectureName): string {
  return ARCHITECTURES[architecture].bios ? `${timeout}${serial}${biosStarters}` : `${timeout}${starters}`;
}

/** The menu of a medium. */
export function grubMenu(
  architecture: ArchitectureName,
  { directory, label, arguments: common, serial: ports }: BootMenu,
): string {
  const consoles = screenAndSerial(architecture, ports).join(" ");
  const root = `k3os.root=LABEL=${label}:${directory}/root.squashfs`;
  const entry = (title: string, ...extra: string[]) => `menuentry "${title}" {
  $linux ${directory}/vmlinuz ${[root, consoles, ...common, ...extra].join(" ")}
  $initrd ${directory}/initrd
}
`;
  return `${beginning(architecture)}set default=0
search --no-floppy --label ${label} --set=root

${entry("k3OS", "quiet")}
${entry("Install k3OS to a disk", "quiet", "k3os.mode=install")}
${entry("k3OS, telling what it does", "k3os.debug")}
${entry("Rescue shell", "k3os.mode=shell")}`;
}

/** Where the boot menu of a disk, what it reads and what it starts lie: on the ESP. All names are 8.3. */
export const BOOT = "/K3OS";
export const BOOT_MENU = `${BOOT}/GRUB.CFG`;
/** Kernel arguments of this machine, whatever slot it boots. */
export const MACHINE_ARGUMENTS = `${BOOT}/MACHINE.CFG`;
export const BOOT_ENV = `${BOOT}/ENV`;

export const slotDirectory = (slot: SlotName) => `${BOOT}/${slot.toUpperCase()}`;
/** Files of a slot. The last one makes the others count. */
export const SLOT_KERNEL = "VMLINUZ";
export const SLOT_INITRD = "INITRD";
export const SLOT_FILE = "SLOT.CFG";

/** Tells the system that the environment block says nothing, so that it makes a new one. */
export const ENV_DAMAGED = "k3os.env=damaged";

/** What makes a kernel that panics, or hangs in its own code, restart the machine: only in a trial. */
const TRIAL_ARGUMENTS = "k3os.trial panic=10 oops=panic softlockup_panic=1";

/**
 * The menu of an installed disk. It lies on the ESP, which is `$root`, because GRUB does not read the journal of the
 * state partition. Nothing in it depends on the image or the disk: the environment block says which slot is good and
 * which one is on trial, a slot's own file says what it is, and the state partition's UUID is looked up when it boots.
 *
 * A trial costs a try before its kernel starts, and only if that can be written down. A kernel that cannot be loaded
 * falls back to the next entry. `slotToBoot` says the same in TypeScript. `gpt` lets the kernel take the second copy of
 * the partition table when a power cut has spoilt the first.
 */
export function diskMenu(architecture: ArchitectureName): string {
  const { good, trial, left, stage } = ENV;
  const consoles = screenAndSerial(architecture).join(" ");
  return `${beginning(architecture)}set esp=$root
regexp --set=1:disk "^([^,]+)," "$root"
probe --set=uuid --fs-uuid ($disk,gpt3)
if [ -n "$uuid" ]; then set state=UUID=$uuid; else set state=LABEL=K3OS_STATE; fi
set machine=
if [ -f ($esp)${MACHINE_ARGUMENTS} ]; then source ($esp)${MACHINE_ARGUMENTS}; fi
function look {
  set version=
  set system=
  set arguments=
  set consoles="${consoles}"
  source ($esp)${BOOT}/$1/${SLOT_FILE}
}
function whole {
  set system=
  if [ -f ($esp)${BOOT}/$1/${SLOT_FILE} -a -f ($esp)${BOOT}/$1/${SLOT_KERNEL} -a -f ($esp)${BOOT}/$1/${SLOT_INITRD} ]; then look $1; fi
  [ -n "$system" ]
}
function slot {
  look $1
  $linux ($esp)${BOOT}/$1/${SLOT_KERNEL} k3os.root=$state:$system/root.squashfs k3os.slot=$1 $damage gpt $consoles $arguments $machine $2
  $initrd ($esp)${BOOT}/$1/${SLOT_INITRD}
}
set ${good}=
set ${trial}=
set ${left}=
set ${stage}=
if [ -f ($esp)${BOOT_ENV} ]; then load_env -f ($esp)${BOOT_ENV} ${good} ${trial} ${left} ${stage}; fi
set damage=
if [ "$${good}" != a -a "$${good}" != b ]; then set damage=${ENV_DAMAGED}; fi
set good=
set other=
if [ "$${good}" = b ]; then
  if whole b; then set good=b; set other=a; else set good=a; set other=b; fi
else
  if whole a; then set good=a; set other=b; else set good=b; set other=a; fi
fi
if whole $other; then true; else set other=; fi
set trial=
if [ -n "$other" -a "$${trial}" = "$other" ]; then
  if [ "$${left}" = 2 -o "$${left}" = 1 ]; then set trial=$other; fi
fi
export esp state machine damage good other trial ${left} ${stage}
set default=0
if [ -n "$other" ]; then set fallback=1; fi
if [ -n "$trial" ]; then
  look $trial
  menuentry "k3OS $version, on trial" --id trial {
    if [ "$${left}" = 2 ]; then set ${left}=1; else set ${left}=0; fi
    set ${stage}=
    if save_env -f ($esp)${BOOT_ENV} ${left} ${stage}; then
      slot $trial "quiet ${TRIAL_ARGUMENTS}"
    else
      slot $good quiet
    fi
  }
fi
look $good
menuentry "k3OS $version" --id good {
  slot $good quiet
}
if [ -n "$other" -a -z "$trial" ]; then
  look $other
  menuentry "k3OS $version, the version before" --id other {
    slot $other quiet
  }
fi
menuentry "Rescue shell" --id rescue {
  slot $good "rescue k3os.cluster_config=off"
}
submenu "Factory reset: erase what this node keeps ..." --id reset {
  menuentry "No, start k3OS as it is" --id keep {
    slot $good quiet
  }
  menuentry "Yes, erase it and start anew" --id erase {
    slot $good k3os.mode=factory-reset
  }
}
`;
}

/** For Debian's GRUB, which looks for its menu elsewhere on the ESP. */
export function menuFinder(): string {
  return `set prefix=($root)${BOOT}
configfile ($root)${BOOT_MENU}
`;
}

/** What a slot holds. */
export interface SlotRecord {
  readonly version: string;
  /** The sha256 of its image's `image.json`: `sha256:…`. */
  readonly digest: string;
  /** Directory of its root on the state partition. */
  readonly system: string;
  /** Kernel arguments of its image. */
  readonly arguments: readonly string[];
  /** Kernel arguments that name its consoles, if they are not the usual ones of the processor. */
  readonly consoles?: readonly string[];
}

/**
 * `SLOT_FILE` of a slot, in GRUB's language. The system comes last: a power cut may leave an empty file, or one that
 * cannot be read, and a record without a system makes no slot.
 */
export function formatSlotRecord({ version, digest, system, arguments: words, consoles }: SlotRecord): string {
  const own = consoles && { consoles: consoles.join(" ") };
  const lines = { version, digest, arguments: words.join(" "), ...own, system };
  return Object.entries(lines)
    .map(([name, value]) => `set ${name}="${value}"\n`)
    .join("");
}

/** Reads what `formatSlotRecord` wrote; `undefined` if it is something else. */
export function parseSlotRecord(text: string): SlotRecord | undefined {
  const lines = [...text.matchAll(/^set (\w+)="([^"\n]*)"$/gm)].map(([, name, value]) => [name, value] as const);
  const values: Partial<Record<string, string>> = Object.fromEntries(lines);
  const { version, digest, system, arguments: words = "", consoles } = values;
  if (version === undefined || digest === undefined || system === undefined) return undefined;
  const split = (text: string) => text.split(" ").filter((word) => word !== "");
  return { version, digest, system, arguments: split(words), ...(consoles && { consoles: split(consoles) }) };
}

/** Text of `MACHINE_ARGUMENTS`. */
export function machineArguments(words: readonly string[]): string {
  return `set machine="${words.join(" ")}"\n`;
}
