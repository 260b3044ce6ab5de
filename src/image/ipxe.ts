import { type ArchitectureName, screenAndSerial } from "./architecture.ts";
import type { ImageJson } from "./image-json.ts";

/**
 * The script that iPXE boots an image with. It lies beside `vmlinuz`, the initrd and `root.squashfs`, and names them
 * relative to itself: any HTTP server, any directory.
 */
export function ipxeScript(
  architecture: ArchitectureName,
  initrd: string,
  { arguments: args, serial }: Pick<ImageJson["kernel"], "arguments" | "serial">,
): string {
  const own = [
    // UEFI finds the initrd by this name.
    `initrd=${initrd}`,
    // The directory of this script; and the card that iPXE has used.
    `k3os.root=\${cwduri}root.squashfs`,
    `BOOTIF=01-\${netX/mac:hexhyp}`,
    ...screenAndSerial(architecture, serial),
    "quiet",
    // A machine whose boot server is down tries again.
    "panic=60",
  ];
  return `#!ipxe\nkernel vmlinuz ${[...own, ...args].join(" ")}\ninitrd ${initrd}\nboot\n`;
}
