import { readTextIf } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { DATA, EPHEMERAL, FACTORY_RESET } from "../../image/disk.ts";
import type { Wipe } from "./boot-arguments.ts";
import { copySeeds } from "./writable.ts";

/** Below the state partition: what was wiped. The running system deletes it in the background. */
export const DISCARDED = "/k3os/discarded";

/** Discards what persists, if a flag file or the kernel's command line asks for it. If that fails, the next boot tries again. */
export function wipeIfAsked(host: Host, state: string, asked: Wipe | undefined): void {
  const data = `${state}${DATA}`;
  const flagged = [FACTORY_RESET, EPHEMERAL].some((flag) => host.stat(`${state}${flag}`));
  if ((flagged || asked !== undefined) && host.stat(data)) discard(host, state, data);
  host.remove(`${state}${FACTORY_RESET}`);
}

/**
 * Fills the directory that holds what persists: at first with all that the image has for it, after an upgrade with what the new
 * image adds. It is noted only when it is complete: after a failure, or when power fails at any moment, the next boot does it
 * again.
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

/** Moves it aside: quick, and a power cut leaves it done or not done. */
function discard(host: Host, state: string, data: string): void {
  const doomed = `${state}${DISCARDED}`;
  host.mkdir(doomed);
  host.rename(data, `${doomed}/${host.readText("/proc/sys/kernel/random/uuid").trim()}`);
}
