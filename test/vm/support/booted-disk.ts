import { join } from "node:path";
import { type BuiltImage, buildDisk } from "../../../src/build/index.ts";
import { makerDigests } from "../../../src/build/makers.ts";
import { findProject } from "../../../src/build/project.ts";
import { rememberBuild } from "../../../src/build/prune.ts";
import { runRecipe, type Work } from "../../../src/build/steps.ts";
import { openStore } from "../../../src/build/store.ts";
import { cacheDirectory } from "../../../src/build/xdg.ts";
import { silent } from "../../../src/progress.ts";
import { ensureDisk } from "../../../src/vm/disk.ts";
import { lateTimer } from "../../../src/vm/qemu.ts";
import { throwAway } from "../../../src/vm/throw-away.ts";
import { type DiskFile, fromDisk } from "./disks.ts";
import { eventually } from "./eventually.ts";

/** What a config on the disk says, and what lies in `MARK` since its first boot. */
export const TOKEN = "t0p-secret";
export const MARK = { path: "/var/lib/mark", content: "precious" };

/** Nobody waits for Kubernetes on this disk, and it would take the processor from whoever waits for something else. */
const withoutKubernetes = "rm /etc/runlevels/default/k3s";
const baked = `k3os: { token: ${TOKEN} }\nboot_cmd: ["${withoutKubernetes}"]\n`;
const firstConfig = JSON.stringify({ write_files: [MARK] });
/** Of the disk. */
const sizeMiB = 3072;

interface Parts {
  readonly image: BuiltImage;
  /** Directory with the raw disk. */
  readonly raw: string;
}

/**
 * A disk after its first boot and a shutdown in order, for tests of what comes then: boot an `overlay` of it. It is a
 * step of the build like any other, and so made once for each image.
 */
export async function bootedDisk(): Promise<DiskFile> {
  const store = openStore(cacheDirectory(process.env));
  const makers = await makerDigests(findProject(), { booted: "test/vm/support/booted-disk.ts" });
  const { image, dir: raw } = await buildDisk("raw", { usualFlavour: "cloud", arguments: [lateTimer], config: baked });
  const dir = await runRecipe({ store, progress: silent, makers }, async (runner) => {
    const step = { name: "booted-disk", title: "Disk after its first boot", maker: "booted" } as const;
    const made = await runner.run({ ...step, parts: { image, raw }, make: bootOnce });
    rememberBuild(store, "booted-disk", [], runner.used);
    return made;
  });
  return { file: join(dir, "disk.qcow2"), format: "qcow2" };
}

async function bootOnce(work: Work, { image, raw }: Parts): Promise<undefined> {
  const { signal } = work;
  const file = join(work.out, "disk.qcow2");
  await ensureDisk(image.tools, file, { from: join(raw, "k3os.raw"), sizeMiB }, "booted", signal);
  const disks = [{ file, format: "qcow2", bootIndex: 1 }] as const;
  const start = { boot: fromDisk(), disks, config: firstConfig, cpus: 1 };
  const { machine, dispose } = await throwAway({ ...start, image, signal, wait: false });
  try {
    await eventually(async () => {
      const { status } = await machine.ssh(`grep -q ${MARK.content} ${MARK.path}`);
      if (status !== 0) throw new Error(`${machine.name} does not answer yet`);
    }, 300);
    if (!(await machine.stop({ graceMs: 120_000 }))) throw new Error(`${machine.name} did not switch off`);
  } catch (error) {
    work.log(machine.serial.text());
    throw error;
  } finally {
    await dispose();
  }
  return undefined;
}
