import { join } from "node:path";
import { type BuiltImage, build } from "../build/index.ts";
import type { Progress } from "../progress.ts";
import { chooseAccel } from "./accel.ts";
import { type Machine, type StartOptions, startMachine } from "./machine.ts";
import { waitReady } from "./ready.ts";

export interface ThrowAwayOptions {
  /** The text of config.yaml. */
  readonly config?: string;
  /** What it boots; by default the image as it is built from this repository. */
  readonly boot?: StartOptions["boot"];
  readonly image?: BuiltImage;
  readonly accel?: StartOptions["accel"];
  readonly memoryMiB?: number;
  readonly cpus?: number;
  readonly disks?: StartOptions["disks"];
  /** Return once the machine is powered on, not Ready. */
  readonly wait?: boolean;
  readonly timeoutMs?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

export interface ThrowAway {
  readonly machine: Machine;
  readonly image: BuiltImage;
  /** Switches it off and removes everything of it. */
  dispose(): Promise<void>;
}

let count = 0;

/**
 * A machine for a test or a measurement: of a name of its own, and gone when it is disposed of or does not become
 * Ready.
 */
export async function throwAway(options: ThrowAwayOptions = {}): Promise<ThrowAway> {
  const { progress, signal } = options;
  const image = options.image ?? (await build({ ...(progress && { progress }), ...(signal && { signal }) }));
  const accel =
    options.accel ?? (await chooseAccel({ tools: image.tools, kernel: join(image.dir, "vmlinuz"), signal })).accel;
  const machine = await startMachine({
    name: `test-${process.pid}-${++count}`,
    tools: image.tools,
    boot: options.boot ?? { kind: "image", dir: image.dir },
    accel,
    memoryMiB: options.memoryMiB ?? 1024,
    cpus: options.cpus ?? 2,
    config: options.config,
    k3s: image.k3s,
    version: image.imageJson.version,
    ...(options.disks && { disks: options.disks }),
    signal,
  });
  const dispose = async () => {
    await machine.stop({ graceMs: 0 });
    machine.remove();
  };
  try {
    if (options.wait !== false) await waitReady(machine, { timeoutMs: options.timeoutMs ?? 300_000, signal });
    return { machine, image, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
