import type { ArchitectureName } from "./architecture.ts";
import type { BootFirmwareName } from "./boot-firmware.ts";

/** What an image is: `image.json` beside its files, and without `files` inside of its root. */
export interface ImageJson {
  readonly format: 1;
  readonly version: string;
  readonly architecture: ArchitectureName;
  /** For which machines it is: a row of `os/flavours.yaml`, or one of the user's. */
  readonly flavour: string;
  /** Whose firmware is read from the disk, if its machines have no UEFI or BIOS by themselves. */
  readonly boot?: BootFirmwareName;
  /** Seconds since 1970: the time that every file of the image carries. */
  readonly time: number;
  readonly kernel: {
    readonly release: string;
    readonly arguments: readonly string[];
    /** Serial ports that are consoles, as Linux calls them; the usual one of the processor if not given. */
    readonly serial?: readonly string[];
  };
  /** `upstream` and the digest of its source, or the official k3s release. */
  readonly kubernetes: { readonly source: string; readonly version?: string };
  /** Digest of the lock of packages that it was built from. */
  readonly lock: string;
  /** `name version` of every Debian package in the root, of the kernel and of firmware, sorted. */
  readonly packages: readonly string[];
  readonly files?: Readonly<Record<string, { readonly sha256: string; readonly size: number }>>;
}

export function formatImageJson(image: ImageJson): string {
  return `${JSON.stringify(image, null, 1)}\n`;
}
