import { type BuiltImage, build } from "../build/index.ts";
import type { Progress } from "../progress.ts";
import { chooseAccel } from "./accel.ts";
import { kubectlIn } from "./kubectl.ts";
import { type Machine, type StartOptions, startMachine } from "./machine.ts";
import { waitReady } from "./ready.ts";

/** What a machine is if nobody says otherwise. */
type Defaults = "boot" | "accel" | "memoryMiB" | "cpus";
/** What its image says. */
type OfImage = "architecture" | "tools" | "k3s" | "version";

export type ImageStartOptions = Omit<StartOptions, Defaults | OfImage> & Partial<Pick<StartOptions, Defaults>>;

/**
 * Starts a machine with the tools of an image: it boots that image unless `boot` says otherwise, with 1 GiB, two
 * processors, and hardware virtualisation where that works.
 */
export async function startOf(image: BuiltImage, options: ImageStartOptions): Promise<Machine> {
  const { imageJson, dir, kernel, tools } = image;
  const { architecture, version } = imageJson;
  const { signal } = options;
  const accel = options.accel ?? (await chooseAccel({ architecture, tools, kernel, signal })).accel;
  const defaults = { boot: { kind: "image", dir }, memoryMiB: 1024, cpus: 2 } as const;
  return startMachine({ ...defaults, ...options, architecture, accel, tools, version, ...kubectlIn(image) });
}

export interface ThrowAwayOptions extends Omit<ImageStartOptions, "name" | "home"> {
  /** By default the image as it is built from this repository. */
  readonly image?: BuiltImage;
  /** Return once the machine is powered on, not Ready. */
  readonly wait?: boolean;
  readonly timeoutMs?: number;
  readonly progress?: Progress;
}

export interface ThrowAway {
  readonly machine: Machine;
  readonly image: BuiltImage;
  /** Powers it off and removes all of its files. */
  dispose(): Promise<void>;
}

let count = 0;

/**
 * A machine for a measurement or a step of a build: of a name of its own, and gone when it is disposed of or does not
 * become Ready.
 */
export async function throwAway(options: ThrowAwayOptions = {}): Promise<ThrowAway> {
  const { image: given, wait, timeoutMs, progress, ...start } = options;
  const { signal } = start;
  const image = given ?? (await build({ ...(progress && { progress }), ...(signal && { signal }) }));
  const machine = await startOf(image, { ...start, name: `test-${process.pid}-${++count}` });
  const dispose = async () => {
    await machine.stop({ graceMs: 0 });
    machine.remove();
  };
  try {
    if (wait !== false) await waitReady(machine, { timeoutMs: timeoutMs ?? 300_000, signal });
    return { machine, image, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
