import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { DATA, EPHEMERAL, FACTORY_RESET } from "../../image/disk.ts";
import type { Wipe } from "./boot-arguments.ts";
import { copySeeds } from "./writable.ts";

/** Below the state partition: what was wiped and is still to be deleted, which the running system does. */
export const DISCARDED = "/k3os/discarded";

/**
 * Makes the directory ready that holds what persists, and returns its path: wiped if that was asked for, begun as the image has it, and
 * after an upgrade with what the new image adds. Power may fail at any moment.
 */
export async function preparePersistent(
  host: Host,
  { sysroot, state, wipe }: { readonly sysroot: string; readonly state: string; readonly wipe: Wipe | undefined },
): Promise<string> {
  const data = `${state}${DATA}`;
  const flagged = [FACTORY_RESET, EPHEMERAL].some((flag) => host.stat(`${state}${flag}`));
  if ((flagged || wipe !== undefined) && host.stat(data)) discard(host, state, data);
  host.remove(`${state}${FACTORY_RESET}`);

  const image = host.readText(`${sysroot}/usr/share/k3os/image.json`);
  const mark = `${data}/image.json`;
  if (host.stat(mark) && host.readText(mark) === image) return data;
  if (host.stat(data)) {
    await copySeeds(host, sysroot, data, { keep: true });
    host.write(mark, image);
  } else {
    const fresh = `${data}.new`;
    host.remove(fresh);
    host.mkdir(fresh);
    await copySeeds(host, sysroot, fresh);
    host.write(`${fresh}/image.json`, image);
    await run(host, ["sync"]);
    host.rename(fresh, data);
  }
  return data;
}

/** A change of name: quick, and either done or not. */
function discard(host: Host, state: string, data: string): void {
  const doomed = `${state}${DISCARDED}`;
  host.mkdir(doomed);
  host.rename(data, `${doomed}/${host.readText("/proc/sys/kernel/random/uuid").trim()}`);
}
