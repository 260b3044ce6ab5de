import type { ArchitectureName } from "../image/architecture.ts";
import type { Flavour, FlavourTable } from "../image/flavours.ts";
import type { Lock } from "../image/lock.ts";
import type { BaseSpec, ImageSpec } from "../image/spec.ts";
import type { BootFirmwareFiles } from "./boot-firmware.ts";
import type { NodePrograms } from "./bundle.ts";
import type { Firmware } from "./firmware.ts";
import type { BuiltImage } from "./image.ts";
import type { Kernel } from "./kernel.ts";
import type { PackageSource } from "./packages.ts";
import type { K3sRelease, Releases } from "./release.ts";
import type { Runner } from "./steps.ts";
import type { Tools } from "./tools.ts";

/** What every step of a build stands on. */
export interface Workshop {
  readonly project: string;
  readonly spec: ImageSpec;
  /** Relative paths of the spec are meant from here. */
  readonly specDirectory: string;
  readonly base: BaseSpec;
  readonly version: string;
  /** What the image is for, and what this machine is. */
  readonly architecture: ArchitectureName;
  readonly host: ArchitectureName;
  /** That of the given lock if there is one. */
  readonly flavour: Flavour;
  readonly flavours: FlavourTable;
  readonly runner: Runner;
  readonly packages: PackageSource;
  readonly releases: Releases;
  /** A lock to build from, instead of the newest packages. */
  readonly givenLock: Lock | undefined;
}

/** Everything in an image but Kubernetes, and what it is made with. */
export interface System {
  readonly lock: Lock;
  readonly tools: Tools;
  /** The finished packages of the root. */
  readonly packages: string;
  readonly kernel: Kernel;
  readonly firmware: Firmware;
  /** The tree of packages whose files are taken as they are: `target` in `os/base.yaml`. */
  readonly target: string;
  /** Directory with the files of the boot loader. */
  readonly loader: string;
  /** What the ESP has for firmware that is read from the disk, if it is for machines with such. */
  readonly boot: BootFirmwareFiles | undefined;
  readonly programs: NodePrograms;
}

export interface Kubernetes {
  /** Holds `k3s`, the file `version` and, when built from source, the runc shim. */
  readonly directory: string;
  readonly version: string;
  /** The official release that it is. */
  readonly release?: K3sRelease;
}

export interface MadeImage {
  readonly image: BuiltImage;
  readonly system: System;
}
