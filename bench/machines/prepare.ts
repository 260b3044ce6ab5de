import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import { type BuiltImage, buildIso } from "../../src/build/index.ts";
import type { FlavourName } from "../../src/image/flavours.ts";
import type { Progress } from "../../src/progress.ts";
import { chooseAccel } from "../../src/vm/accel.ts";
import type { Accel } from "../../src/vm/qemu.ts";
import { bootedDiskMachine, diskMachine } from "./disk.ts";
import { floorMachine } from "./floor.ts";
import type { BenchMachine, Conditions, MachineName } from "./machine.ts";
import { osMachine } from "./os.ts";
import { commonParts } from "./parts.ts";
import { peerMachine } from "./peer.ts";
import { inBenchWorkshop } from "./workshop.ts";

/** Reads a list of machines, separated by commas, for commander. */
export function parseMachines(text: string, known: readonly MachineName[]): MachineName[] {
  const names = text.split(",");
  const chosen = known.filter((name) => names.includes(name));
  if (chosen.length === names.length) return chosen;
  throw new InvalidArgumentError(`Choose from ${known.join(", ")}.`);
}

export interface PrepareOptions {
  readonly only: readonly MachineName[];
  readonly memoryMiB: number;
  readonly cpus: number;
  /** More words for the kernel. */
  readonly append: string;
  /** It is found out if not given. */
  readonly accel?: Accel | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Builds the image and the machines that it is compared with. */
export async function prepareMachines(
  options: PrepareOptions,
): Promise<{ readonly machines: BenchMachine[]; readonly image: BuiltImage }> {
  const { only, memoryMiB, cpus, append, progress, signal } = options;
  const { image, iso } = await isoOf("cloud", { progress, signal });
  const { imageJson, tools, kernel } = image;
  const { architecture } = imageJson;
  const accel = options.accel ?? (await chooseAccel({ architecture, tools, kernel, progress, signal })).accel;
  const conditions = { image, iso, accel, memoryMiB, cpus, append };
  return { machines: await makeMachines(only, conditions, progress, signal), image };
}

async function isoOf(
  usualFlavour: FlavourName,
  how: Pick<PrepareOptions, "progress" | "signal">,
): Promise<Pick<Conditions, "image" | "iso">> {
  const { image, dir } = await buildIso({ usualFlavour, ...how });
  return { image, iso: join(dir, "k3os.iso") };
}

function makeMachines(
  only: readonly MachineName[],
  conditions: Conditions,
  progress: Progress,
  signal: AbortSignal,
): Promise<BenchMachine[]> {
  return inBenchWorkshop({ image: conditions.image, progress, signal }, async (shop) => {
    let parts: ReturnType<typeof commonParts> | undefined;
    const common = () => (parts ??= commonParts(shop));
    const make: Readonly<Record<MachineName, () => Promise<BenchMachine>>> = {
      os: async () => osMachine(conditions),
      metal: async () => {
        return osMachine({ ...conditions, ...(await isoOf("metal", { progress, signal })) }, "metal");
      },
      floor: async () => floorMachine(await common(), conditions),
      peer: async () => peerMachine(shop, await common(), conditions),
      disk: () => diskMachine(conditions, { progress, signal }),
      again: () => bootedDiskMachine(conditions, { progress, signal }),
    };
    const machines: BenchMachine[] = [];
    for (const name of only) machines.push(await make[name]());
    return machines;
  });
}
