import { rmSync } from "node:fs";
import type { BuiltImage } from "../../src/build/index.ts";
import { reasonOf } from "../../src/node/failure.ts";
import { throwAway } from "../../src/vm/throw-away.ts";
import { nodeOf, type Recording, SETTINGS, serveImages } from "./record.ts";
import type { KeptDisk } from "./replay.ts";

export interface Booted {
  readonly name: string;
  /** Why the machine did not come up as it should; none if it did. */
  readonly fault: string | undefined;
}

/**
 * Boots a disk that a power cut has left until its userland answers. What the loader started must be what was foreseen.
 * A node that is not on trial then stages an image, so the cut is in the way of nothing.
 */
export async function bootDisk(
  { images }: Recording,
  { file, name, boots }: KeptDisk,
  signal: AbortSignal,
): Promise<Booted> {
  const served = await serveImages(images);
  const image: BuiltImage = images.first;
  const { machine, dispose } = await throwAway({
    ...{ image, signal, wait: false, config: SETTINGS, cpus: 1 },
    disks: [{ file, format: "raw", serial: "target", bootIndex: 1 }],
    boot: { kind: "disk", firmware: "bios" },
  });
  try {
    const node = nodeOf(machine, signal);
    await node.answers();
    const words = `k3os.slot=${boots?.slot} .*${boots?.trial ? "k3os.trial" : "quiet$"}`;
    await node.run(`grep -q "${words}" /proc/cmdline`);
    if (!boots?.trial) {
      for (const other of ["first", "second"])
        await node.run(`k3os upgrade ${served.url}/${other} --stage --retry --allow-downgrade`);
    }
    return { name, fault: undefined };
  } catch (error) {
    signal.throwIfAborted();
    return { name, fault: `${reasonOf(error)}\n${machine.serial.text().slice(-1500)}` };
  } finally {
    served.server.close();
    await dispose();
    rmSync(file, { force: true });
  }
}
