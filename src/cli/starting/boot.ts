/** What machines boot from: image, ISO or a disk of their own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { usualArchitecture } from "../../build/host-architecture.ts";
import type { BuildOptions, BuiltImage } from "../../build/index.ts";
import { isOverDatabase } from "../../cluster/member.ts";
import { load } from "../../config/index.ts";
import { ARCHITECTURES, type ArchitectureName } from "../../image/architecture.ts";
import type { Progress } from "../../progress.ts";
import { chooseAccel } from "../../vm/accel.ts";
import type { OwnDisk } from "../../vm/disk.ts";
import { findMachine } from "../../vm/machine.ts";
import { type Accel, type Boot, usualFirmware } from "../../vm/qemu.ts";
import type { Io } from "../io.ts";
import { machinesIn, type Plan, type Planned } from "./plan.ts";

/** How `up` starts machines, whichever they are. */
export interface How {
  readonly arch?: ArchitectureName;
  readonly iso?: true | "disc" | "usb";
  readonly firmware?: "bios" | "uefi";
  readonly secureBoot?: boolean;
  readonly accel?: Accel;
  readonly append?: string;
  readonly dev?: boolean;
  /** Ports of the workstation that lead to the first server. */
  readonly sshPort?: number;
  readonly apiPort?: number;
  /** Seconds that a node may take to be Ready. */
  readonly timeout: number;
  readonly wait: boolean;
}

/** Whether the machine of that name keeps a disk. */
export function hasDisk(name: string): boolean {
  const machine = findMachine(name);
  return machine !== undefined && existsSync(machine.paths.disk);
}

/**
 * Whether the first server, when it is switched on, makes its authority anew, which machines of before do not trust.
 * One that keeps its disk, joins one that has stayed, or finds its authority in a database, does not.
 */
export function beginsAnew({ server, otherServers }: Plan): boolean {
  const kept = server.hardware.disk !== undefined && hasDisk(server.name);
  const stayed = otherServers.some(({ running }) => running !== undefined);
  const { config } = load([{ name: "config.yaml", kind: "userdata", text: server.config ?? "" }]);
  return server.running === undefined && !kept && !stayed && !isOverDatabase(config);
}

/** The processor of a plan's machines: as asked for, else as the disk that one of them keeps is for, else the usual. */
export function architectureOf(plan: Plan, { arch }: Pick<How, "arch">): ArchitectureName {
  return arch ?? keptArchitecture(plan)?.architecture ?? usualArchitecture(process.env);
}

/** A machine of the plan that cannot be of another processor, and which one it is: it runs, or keeps a disk. */
export function keptArchitecture(
  plan: Plan,
): { readonly name: string; readonly architecture: ArchitectureName } | undefined {
  const kept = machinesIn(plan).find(({ name, running }) => running !== undefined || hasDisk(name));
  const architecture = kept && findMachine(kept.name)?.record.architecture;
  return kept && architecture && { name: kept.name, architecture };
}

export async function imageFor({ iso, dev }: How, context: BuildOptions): Promise<BuiltImage> {
  const { build, buildDevImage, buildIso } = await import("../../build/index.ts");
  if (iso !== undefined) return (await buildIso(context)).image;
  return (dev === true ? buildDevImage : build)(context);
}

export async function accelFor({ accel }: How, image: BuiltImage, progress: Progress, io: Io): Promise<Accel> {
  if (accel !== undefined) return accel;
  const { architecture } = image.imageJson;
  const kernel = join(image.dir, "vmlinuz");
  return (await chooseAccel({ architecture, tools: image.tools, kernel, progress, signal: io.signal })).accel;
}

interface Booted {
  readonly boot: Boot;
  readonly disk?: OwnDisk;
}

type Bootable = Pick<Planned, "name" | "hardware">;

/** What a machine boots, and its own disk. */
export async function bootOf(
  { name, hardware }: Bootable,
  how: How,
  image: BuiltImage,
  context: BuildOptions,
): Promise<Booted> {
  const { buildDisk, buildIso } = await import("../../build/index.ts");
  const { architecture } = image.imageJson;
  const firmware = how.secureBoot === true ? "secure-boot" : (how.firmware ?? usualFirmware(architecture));
  const own: OwnDisk | undefined =
    hardware.disk === undefined ? undefined : hardware.disk === true ? {} : { sizeMiB: hardware.disk };
  if (how.iso !== undefined) {
    const { dir } = await buildIso(context);
    const as = how.iso === true ? "disc" : how.iso;
    return { boot: { kind: "iso", file: join(dir, "k3os.iso"), as, firmware }, ...(own && { disk: own }) };
  }
  if (own !== undefined) {
    const boot: Boot = { kind: "disk", firmware };
    if (hasDisk(name)) return { boot, disk: own };
    const { dir } = await buildDisk("raw", {
      ...context,
      usualFlavour: "cloud",
      arguments: ARCHITECTURES[architecture].qemu.kernelArguments,
    });
    return { boot, disk: { ...own, from: join(dir, "k3os.raw") } };
  }
  const added = [...(how.dev === true ? ["k3os.dev"] : []), ...(how.append === undefined ? [] : [how.append])];
  return {
    boot: { kind: "image", dir: image.dir, append: [...image.imageJson.kernel.arguments, ...added].join(" ") },
  };
}

/** The version that the machine will run: the one on its disk, if it has been used before, else that of the image. */
export function versionOn({ name, hardware }: Bootable, { iso }: How, image: BuiltImage): string {
  const before =
    hardware.disk !== undefined && iso === undefined && hasDisk(name) ? findMachine(name)?.record.version : undefined;
  return before ?? image.imageJson.version;
}
