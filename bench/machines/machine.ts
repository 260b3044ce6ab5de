import type { BuiltImage } from "../../src/build/index.ts";
import type { Accel } from "../../src/vm/qemu.ts";

export const machineNames = ["os", "metal", "floor", "peer", "disk", "again"] as const;
export type MachineName = (typeof machineNames)[number];

/** Their names in the tables. */
export const titles: Readonly<Record<MachineName, string>> = {
  os: "k3OS",
  metal: "k3OS, metal",
  floor: "floor",
  peer: "Debian + systemd",
  disk: "k3OS, new disk",
  again: "k3OS, second boot",
};

/** The conditions that all compared machines share. */
export interface Conditions {
  readonly image: BuiltImage;
  /** The image as a medium. */
  readonly iso: string;
  readonly accel: Accel;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** More words for the kernel. */
  readonly append: string;
}

/** A machine that can be booted any number of times; no boot changes the next one. */
export interface BenchMachine {
  readonly name: MachineName;
  /** QEMU's command line, as the tools tree takes it. `dir` is a directory of this boot's own, in which QEMU runs. */
  command(dir: string): string[];
  /** Sizes in bytes of what it is made of. */
  readonly sizes: Readonly<Record<string, number>>;
}
