import { concat } from "./bytes.ts";
import type { CpioEntry } from "./cpio.ts";

/**
 * Where the kernel looks for the microcode of each kind of processor, before it unpacks anything: in an archive without
 * compression in front of the initrd (Documentation/arch/x86/microcode.rst). `files` is a pattern below /lib/firmware.
 */
export const MICROCODE = [
  { vendor: "AuthenticAMD", files: "amd-ucode/*.bin" },
  { vendor: "GenuineIntel", files: "intel-ucode/*" },
] as const;

const DIRECTORY = "kernel/x86/microcode";

export interface Microcode {
  readonly vendor: (typeof MICROCODE)[number]["vendor"];
  readonly parts: readonly Uint8Array[];
}

/**
 * The entries of that archive. The kernel finds the part for its processor in all of them, one behind the other; of
 * Intel's files those of each processor are a part, of AMD's those of a family.
 */
export function microcodeEntries(all: readonly Microcode[]): CpioEntry[] {
  const files = all.filter(({ parts }) => parts.length > 0);
  if (files.length === 0) return [];
  const directories = DIRECTORY.split("/").map((_, index, names) => names.slice(0, index + 1).join("/"));
  return [
    ...directories.map((path) => ({ path, type: "directory" as const })),
    ...files.map(({ vendor, parts }) => ({ path: `${DIRECTORY}/${vendor}.bin`, data: concat(parts) })),
  ];
}
