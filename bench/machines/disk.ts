import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDisk } from "../../src/build/index.ts";
import type { Progress } from "../../src/progress.ts";
import { ensureDisk } from "../../src/vm/disk.ts";
import { cidata } from "../../src/vm/nocloud.ts";
import { lateTimer } from "../../src/vm/qemu.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import type { BenchMachine, Conditions } from "./machine.ts";
import { userData } from "./os.ts";
import { benchQemuCommand } from "./qemu.ts";

interface Context {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The size that the guest sees: larger than the built disk, as real disks are. */
const sizeMiB = 8192;

/** The image on a disk, by BIOS and GRUB: each boot is the first one of a new disk. */
export async function diskMachine(conditions: Conditions, context: Context): Promise<BenchMachine> {
  const from = await rawDisk(conditions, context);
  const file = await temporaryDisk(conditions, from, context.signal);
  return machineOn("disk", file, { disk: statSync(from).blocks * 512 }, conditions);
}

/** The same disk after a first boot and a proper shutdown: each boot is the second one. */
export async function bootedDiskMachine(conditions: Conditions, context: Context): Promise<BenchMachine> {
  const { image, accel, memoryMiB, cpus } = conditions;
  const from = await rawDisk(conditions, context);
  const file = await temporaryDisk(conditions, from, context.signal);
  const first = await throwAway({
    ...{ image, accel, memoryMiB, cpus, config: userData(), signal: context.signal },
    boot: { kind: "disk", firmware: "bios" },
    disks: [{ file, format: "qcow2", bootIndex: 0 }],
  });
  await first.machine.stop();
  await first.dispose();
  return machineOn("again", file, { disk: statSync(file).blocks * 512 }, conditions);
}

async function rawDisk({ append }: Conditions, { progress, signal }: Context): Promise<string> {
  const words = [lateTimer, ...append.split(" ").filter((word) => word !== "")];
  const { dir } = await buildDisk("raw", { usualFlavour: "cloud", arguments: words, progress, signal });
  return join(dir, "k3os.raw");
}

async function temporaryDisk({ image }: Conditions, from: string, signal: AbortSignal): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "k3os-bench-disk-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "disk.qcow2");
  await ensureDisk(image.tools, file, { from, sizeMiB }, "bench", signal);
  return file;
}

function machineOn(
  name: "disk" | "again",
  file: string,
  sizes: BenchMachine["sizes"],
  conditions: Conditions,
): BenchMachine {
  const seed = cidata({ hostname: "os", instanceId: "k3os-bench", publicKeys: [], userData: userData() });
  return {
    name,
    sizes,
    command(dir) {
      writeFileSync(join(dir, "cidata.iso"), seed);
      const disks = [{ file, format: "qcow2", bootIndex: 0, snapshot: true } as const];
      return benchQemuCommand(conditions, name, { kind: "disk", firmware: "bios" }, { seed: "cidata.iso", disks });
    },
  };
}
