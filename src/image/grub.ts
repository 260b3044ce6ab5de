export interface BootMenu {
  /** The directory of the image on the medium, such as `/k3os/system/0.30.0`. */
  readonly directory: string;
  /** Label of the file system that holds it. */
  readonly label: string;
  /** Kernel arguments of every entry. */
  readonly arguments: readonly string[];
}

const consoles = "console=tty0 console=ttyS0,115200";

/** The menu of a medium: boots at once unless a key is pressed, on the screen and on the serial port. */
export function grubMenu({ directory, label, arguments: common }: BootMenu): string {
  const root = `k3os.root=LABEL=${label}:${directory}/root.squashfs`;
  const entry = (title: string, ...extra: string[]) => `menuentry "${title}" {
  linux ${directory}/vmlinuz ${[root, consoles, ...common, ...extra].join(" ")}
  initrd ${directory}/initrd
}
`;
  return `set timeout=1
set default=0
if serial --unit=0 --speed=115200; then
  terminal_input --append serial
  terminal_output --append serial
fi
search --no-floppy --label ${label} --set=root

${entry("k3OS", "quiet")}
${entry("k3OS, telling what it does", "k3os.debug")}
${entry("Rescue shell", "k3os.mode=shell")}`;
}
