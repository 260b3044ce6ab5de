import { SCREEN_AND_SERIAL } from "./architecture.ts";

export interface BootMenu {
  /** The directory of the image on the medium, such as `/k3os/system/0.30.0`. */
  readonly directory: string;
  /** Label of the file system that holds it. */
  readonly label: string;
  /** Kernel arguments of every entry. */
  readonly arguments: readonly string[];
}

const consoles = SCREEN_AND_SERIAL.join(" ");

/** Boots at once unless a key is pressed, on the screen and on the serial port. */
const terminals = `set timeout=1
if serial --unit=0 --speed=115200; then
  terminal_input --append serial
  terminal_output --append serial
fi
`;

/**
 * Under BIOS by the kernel's 16-bit entry (Linux' boot protocol): `linux` moves all of the memory that the kernel asks
 * for, byte by byte, to where it belongs, which costs seconds where processors are emulated; `linux16` reads it to its
 * place.
 */
const starters = `if [ "$grub_platform" = pc ]; then
  set linux=linux16
  set initrd=initrd16
else
  set linux=linux
  set initrd=initrd
fi
export linux initrd
`;

/** The menu of a medium. */
export function grubMenu({ directory, label, arguments: common }: BootMenu): string {
  const root = `k3os.root=LABEL=${label}:${directory}/root.squashfs`;
  const entry = (title: string, ...extra: string[]) => `menuentry "${title}" {
  $linux ${directory}/vmlinuz ${[root, consoles, ...common, ...extra].join(" ")}
  $initrd ${directory}/initrd
}
`;
  return `${terminals}${starters}set default=0
search --no-floppy --label ${label} --set=root

${entry("k3OS", "quiet")}
${entry("Install k3OS to a disk", "quiet", "k3os.mode=install")}
${entry("k3OS, telling what it does", "k3os.debug")}
${entry("Rescue shell", "k3os.mode=shell")}`;
}

/**
 * The menu of an installed disk, read from its state partition, which is `$root`. Nothing in it depends on the image or
 * the disk: slots are links, their kernel arguments lie beside them, and the state partition's UUID is looked up when
 * it boots. Only whole slots are offered; one whose kernel cannot be started all the same falls back to the previous
 * one. `gpt` lets the kernel take the second copy of the partition table when a power cut has spoilt the first.
 */
export function stateMenu(): string {
  return `${terminals}${starters}probe --set=state --fs-uuid $root
set system=/k3os/system
set machine=
if [ -f /boot/grub/arguments.cfg ]; then source /boot/grub/arguments.cfg; fi

function whole {
  [ -f $system/$1/vmlinuz -a -f $system/$1/initrd -a -f $system/$1/root.squashfs ]
}

function slot {
  set arguments=
  if [ -f $system/$1/boot.cfg ]; then source $system/$1/boot.cfg; fi
  $linux $system/$1/vmlinuz k3os.root=UUID=\${state}:$system/$1/root.squashfs gpt ${consoles} $arguments $machine $2
  $initrd $system/$1/initrd
}

set usable=current
if whole previous; then
  # The second entry: unlike a default, a fallback has no name.
  if whole current; then set fallback=1; else set usable=previous; fi
fi
set default=$usable
export state system machine usable

if [ $usable = current ]; then
  menuentry "k3OS" --id current {
    slot current quiet
  }
fi
if whole previous; then
  menuentry "k3OS, the version before" --id previous {
    slot previous quiet
  }
fi
menuentry "Rescue shell" --id rescue {
  slot $usable rescue
}
submenu "Factory reset: erase what this node keeps ..." --id reset {
  menuentry "No, start k3OS as it is" --id keep {
    slot $usable quiet
  }
  menuentry "Yes, erase it and start anew" --id erase {
    slot $usable k3os.mode=factory-reset
  }
}
`;
}

/**
 * For the ESP: hands over to the menu on the same disk. Only if that is not there (the ESP is on a disk of its own), on
 * whichever disk has a state partition.
 */
export function stateMenuFinder(): string {
  return `regexp --set=1:disk "^([^,]+)," "$root"
if [ -f "($disk,gpt3)/boot/grub/grub.cfg" ]; then
  set root="$disk,gpt3"
else
  search --no-floppy --label K3OS_STATE --set=root
fi
set prefix=($root)/boot/grub
configfile /boot/grub/grub.cfg
`;
}

/** `boot.cfg` of a slot: the kernel arguments of its image. */
export function slotArguments(kernelArguments: readonly string[]): string {
  return `set arguments="${kernelArguments.join(" ")}"\n`;
}
