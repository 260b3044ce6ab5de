import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { SLOTS } from "../../image/boot-env.ts";
import { clusterFile } from "../../image/cluster-file.ts";
import { DATA, EPHEMERAL, FACTORY_RESET } from "../../image/disk.ts";
import type { Wipe } from "./boot-arguments.ts";
import { copySeeds } from "./writable.ts";

/** Directory of the state partition for wiped data. The running system deletes it in the background. */
export const DISCARDED = "/k3os/discarded";

/**
 * Discards the persistent data if a flag file or the kernel's command line asks for it. After a failure, the next boot
 * tries again.
 */
export function wipeIfAsked(host: Host, state: string, asked: Wipe | undefined): void {
  const data = `${state}${DATA}`;
  // A node that is new has heard of no cluster. One that is ephemeral stays the same node.
  if (host.stat(`${state}${FACTORY_RESET}`) || asked === "factory-reset") {
    for (const slot of SLOTS) host.remove(`${state}${clusterFile(slot)}`);
  }
  const flagged = [FACTORY_RESET, EPHEMERAL].some((flag) => host.stat(`${state}${flag}`));
  if ((flagged || asked !== undefined) && host.stat(data)) discard(host, state, data);
  host.remove(`${state}${FACTORY_RESET}`);
}

/**
 * Fills the directory of persistent data: at first with everything that the image has for it, after an upgrade with
 * what the new image adds. The note that it is complete comes last, so after a failure or a power cut the next boot
 * does it again.
 */
export async function seedPersistent(
  host: Host,
  { sysroot, state }: { readonly sysroot: string; readonly state: string },
): Promise<void> {
  const data = `${state}${DATA}`;
  const image = host.readText(`${sysroot}/usr/share/k3os/image.json`);
  const mark = `${data}/image.json`;
  if (readTextIf(host, mark) === image) return;
  const fresh = `${data}.new`;
  host.remove(fresh);
  if (host.stat(data)) {
    await copySeeds(host, sysroot, data, { keep: true });
    host.write(mark, image);
  } else {
    host.mkdir(fresh);
    await copySeeds(host, sysroot, fresh);
    host.write(`${fresh}/image.json`, image);
    await run(host, ["sync"]);
    host.rename(fresh, data);
  }
}

/** Moves it aside. A rename is quick, and a power cut leaves it either done or not done. */
function discard(host: Host, state: string, data: string): void {
  const doomed = `${state}${DISCARDED}`;
  host.mkdir(doomed);
  host.rename(data, `${doomed}/${host.readText("/proc/sys/kernel/random/uuid").trim()}`);
}
